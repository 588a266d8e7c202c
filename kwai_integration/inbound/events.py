"""Fetching what push messages named: rows are claimed, their orders read by API, staged and received.

A claim is a conditional UPDATE with a lease; whoever dies leaves an expired one, and the next sweep gives
the rows back. Doing the same fetch twice is harmless, losing a message costs one poll.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Min
from django.db.models.functions import Now
from django.utils import timezone

from erp import clock, scheduling
from erp.accounts.models import Store, StoreLifecycle
from kwai_integration.app_health import app_paused
from kwai_integration.client.gateway import PAGE_SIZE, KwaiClient
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.inbound.cursor import is_pollable
from kwai_integration.inbound.details import Fetched, details_fetch
from kwai_integration.inbound.receive import kwai_orders_follow
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import ConnectionHealth, EventState, InboundEvent, KwaiSettings
from kwai_integration.models.inbound import LONGEST_EVENT_WAIT, InboundEventQuerySet
from kwai_integration.wire import errors

logger = logging.getLogger(__name__)

# New batches are begun for so long; the last one still ends within the task's 120 s.
BUDGET_SECONDS = 15.0
RATE_SECONDS = 2.0
# Waits between the tries of one message; after the last one polling alone is left.
DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 60, 300, 1200, 3600))
LONGEST_SECONDS = LONGEST_EVENT_WAIT.total_seconds()
KEEP = timedelta(days=30)
BATCH = 1000

REVOCATION_TRUE = "O Kwai confirmou: o consentimento da loja terminou."
REVOCATION_FALSE = "O Kwai continua aceitando a conexão da loja."
NOT_HANDED_OUT = "O Kwai não devolveu os detalhes deste pedido. A leitura periódica continua procurando."
GAVE_UP = "A leitura deste aviso falhou várias vezes. A leitura periódica continua procurando."

# The connection is over: what a message about the consent may have meant.
ENDED = (NotConnected, errors.ConsentEnded)
# What says nothing about the message: it waits without using up its tries.
NOT_ITS_FAULT = (*ENDED, errors.AppRefused, errors.SecretInvalid, errors.PermissionMissing)


@dataclass(frozen=True, slots=True)
class Claim:
    """What this caller holds: the orders to fetch, or one empty subject for the connection."""

    store_id: int
    token: uuid.UUID
    subjects: list[str]

    @property
    def orders(self) -> list[str]:
        return [subject for subject in self.subjects if subject]

    def held(self, subjects: Iterable[str]) -> InboundEventQuerySet:
        """The rows of these subjects, as far as they are still held: the fence of every write."""
        rows = InboundEvent.objects.filter(store_id=self.store_id, state=EventState.CLAIMED)
        return rows.filter(subject__in=list(subjects)).held(self.token)


def stores_with_events() -> list[int]:
    """ACTIVE, connected stores with push messages that are due; none while everything is paused."""
    if app_paused():
        return []
    due = InboundEvent.objects.due().filter(
        store__lifecycle=StoreLifecycle.ACTIVE, store__kwai_account__health=ConnectionHealth.OK
    )
    return list(due.order_by("store_id").values_list("store_id", flat=True).distinct())


def events_fetch(store_id: int) -> bool:
    """Fetch what this store's due push messages name, batch after batch; True when the time ended first.

    Messages about one order become one fetch, up to fifty orders one call. Calls the platform, so it runs
    outside any transaction. Errors of the platform leave the rows waiting for their next try.
    """
    ends = time.monotonic() + BUDGET_SECONDS
    while claim := _claim(store_id):
        _serve(claim)
        if time.monotonic() >= ends or scheduling.is_stopping():
            return InboundEvent.objects.due().filter(store_id=store_id).exists()
    return False


def events_reap() -> int:
    """Give back what dead workers held; what used up its tries ends here. How many rows that were."""
    lost = InboundEvent.objects.free().filter(state=EventState.CLAIMED)
    ended = lost.filter(attempts__gt=len(DELAYS)).revoke(
        state=EventState.FAILED, settled_at=Now(), note=GAVE_UP
    )
    return ended + lost.revoke(state=EventState.PENDING)


def events_expire() -> int:
    """Delete push messages older than 30 days, whatever came of them; at most one batch, returns how many."""
    old = InboundEvent.objects.filter(received_at__lt=clock.after(-KEEP))
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:BATCH])
    InboundEvent.objects.filter(pk__in=ids).delete()
    return len(ids)


@transaction.atomic
def _claim(store_id: int) -> Claim | None:
    """Hold up to a page of due subjects, with every waiting message about them."""
    # Claims of one store take turns: two that overlap would wait for each other's rows.
    Store.objects.select_for_update(no_key=True).only("pk").get(pk=store_id)
    if not is_pollable(store_id):
        return None
    own = InboundEvent.objects.filter(store_id=store_id)
    due = own.due().values("subject").annotate(first=Min("pk")).order_by("first")
    subjects = list(due.values_list("subject", flat=True)[:PAGE_SIZE])
    if not subjects:
        return None
    # The connection is looked at by itself: that this fails tells nothing about the orders beside it.
    subjects = [""] if "" in subjects else subjects
    waiting = own.filter(subject__in=subjects, state=EventState.PENDING)
    token = waiting.claim(state=EventState.CLAIMED, attempts=F("attempts") + 1)
    if token is None:
        return None
    claim = Claim(store_id, token, subjects)
    _claim_log(claim)
    return claim


def _claim_log(claim: Claim) -> None:
    """Which requests this fetch is for; they may be many, so they stand on one line."""
    ids = claim.held(claim.subjects).exclude(request_id="").values_list("request_id", flat=True)
    causes = list(ids.order_by("request_id").distinct()[:PAGE_SIZE])
    logger.info(
        "Push messages claimed",
        extra={"store": claim.store_id, "orders": len(claim.orders), "caused_by": causes},
    )


def _serve(claim: Claim) -> None:
    """Carry out one claim. What is no answer of the platform is raised, with the rows back in the queue."""
    try:
        client = client_for(claim.store_id)
        if claim.orders:
            _orders_fetch(claim, client)
        else:
            _connection_check(claim, client)
    except (errors.KwaiError, NotConnected) as error:
        _give_back(claim, error)
    except Exception:
        _retry_later(claim, claim.subjects, GAVE_UP)
        raise


def _connection_check(claim: Claim, client: KwaiClient) -> None:
    """A message that says the consent ended is believed only when a real call is refused; the client then
    judges the connection by that call."""
    now = timezone.now()
    try:
        client.list_orders(time_from=now - timedelta(minutes=1), time_to=now, page=1, size=1)
    except ENDED:
        _done(claim, [""], REVOCATION_TRUE)
        raise
    _done(claim, [""], REVOCATION_FALSE)


def _orders_fetch(claim: Claim, client: KwaiClient) -> None:
    fetched = details_fetch(client, claim.orders)
    store = Store.objects.get(pk=claim.store_id)
    staged = kwai_orders_stage(store=store, details=fetched.answers, fetch_started_at=fetched.started_at)
    auto_receive = KwaiSettings.objects.filter(pk=store.pk, auto_receive=True).exists()
    kwai_orders_follow(staged=staged, auto_receive=auto_receive)
    unanswered = _unanswered(fetched)
    _done(claim, [order_id for order_id in claim.orders if order_id not in unanswered])
    _retry_later(claim, unanswered, NOT_HANDED_OUT)


def _unanswered(fetched: Fetched) -> set[str]:
    return {*fetched.missing, *fetched.failed}


def _done(claim: Claim, subjects: Sequence[str], note: str = "") -> None:
    claim.held(subjects).revoke(state=EventState.DONE, settled_at=Now(), note=note)


def _give_back(claim: Claim, error: errors.KwaiError | NotConnected) -> None:
    if isinstance(error, errors.RateLimited):
        _wait(claim, error.retry_after or RATE_SECONDS)
    elif isinstance(error, errors.KwaiQuotaSpent | errors.PermissionMissing):
        _wait(claim, min(error.retry_after or LONGEST_SECONDS, LONGEST_SECONDS))
    elif isinstance(error, NOT_ITS_FAULT):
        _wait(claim, RATE_SECONDS)
    else:
        _retry_later(claim, claim.subjects, GAVE_UP)


def _wait(claim: Claim, seconds: float) -> None:
    """Come back without counting the try: nothing was asked, or not about these orders."""
    claim.held(claim.subjects).revoke(
        state=EventState.PENDING,
        not_before=clock.after(timedelta(seconds=seconds)),
        attempts=F("attempts") - 1,
    )


def _retry_later(claim: Claim, subjects: Iterable[str], last_word: str) -> None:
    """Each row waits longer after each of its tries; after the last one it ends as failed."""
    held = claim.held(subjects)
    for attempts in sorted(set(held.values_list("attempts", flat=True))):
        rows = held.filter(attempts=attempts)
        if attempts > len(DELAYS):
            rows.revoke(state=EventState.FAILED, settled_at=Now(), note=last_word)
        else:
            rows.revoke(state=EventState.PENDING, not_before=clock.after(DELAYS[attempts - 1]))
