"""*Envios ao Kwai*: what opens, what one row is, why pushes stopped, what mends it, and how the queues stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as current
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from erp import clock
from erp.accounts.models import Store, User
from erp.attention.board import Board
from erp.outbox import breaker, errors, limits
from erp.outbox.models import PushAttempt, PushJob, RateLimit
from erp.outbox.queues import queues_ensure
from erp.outbox.statuses import FailureMode, JobState
from erp.refusals import Refusal
from erp.work.models import Work
from erp.work.running import work_run
from kwai_integration import refusals
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.outbound import causes
from kwai_integration.outbound.kinds import Kind
from tests.cells import cells

pytestmark = pytest.mark.django_db
ADDRESS = "/envios-ao-kwai/"
BLOCKED = f"{ADDRESS}?tab=blocked"


@pytest.fixture
def shop(store: Store) -> Store:
    KwaiAccount.objects.create(
        store=store, merchant_id="7", health=ConnectionHealth.OK, access_token_stored="x"
    )
    return store


@pytest.fixture
def client(admin: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(admin)


def push(store: Store, subject: str, kind: Kind = Kind.SEND_INVOICE, **fields: Any) -> PushJob:
    """One push of the order `subject`, blocked unless it says otherwise."""
    given = {"state": JobState.BLOCKED} | fields
    if given["state"] == JobState.BLOCKED:
        given = {"failure_mode": FailureMode.REJECTED, "cause": "422:a", "last_error": "Não serve."} | given
    if given["state"] in (JobState.DONE, JobState.CANCELLED):
        given["finished_at"] = Now()
    key = f"{store.pk}:{kind}:{subject}:{PushJob.objects.count()}"
    payload = {"invoice_id": 1, "shipment_id": 2, "order_id": 3}
    return PushJob.objects.create(
        store=store, kind=kind, subject=subject, idempotency_key=key, step=kind.step, payload=payload, **given
    )


def rows_of(client: Client, address: str) -> list[str]:
    context = client.get(address).context
    found = [row.object.subject for row in context["rows"]]
    assert int(context["page"].total) == len(found)
    return found


def test_the_bare_address_opens_what_stopped_and_says_so(client: Client, shop: Store) -> None:
    done = push(shop, "1", state=JobState.DONE)
    assert rows_of(client, ADDRESS) == ["1"]
    push(shop, "2")
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer.headers["Location"]) == (302, BLOCKED)
    # What somebody asks for by address stays what it is.
    assert rows_of(client, f"{ADDRESS}?tab=all") == ["2", "1"]
    assert rows_of(client, f"{ADDRESS}?q={done.subject}") == ["1"]


def test_a_row_of_what_stopped_is_an_order_with_all_its_pushes(
    client: Client, shop: Store, admin: User
) -> None:
    push(shop, "1", last_error="Nota sem valor.")
    push(shop, "1", Kind.SEND_TRACKING, last_error="Código repetido.")
    push(shop, "1", Kind.CONFIRM_DELIVERY, state=JobState.PENDING)
    push(shop, "2", state=JobState.DONE)
    push(shop, "2", Kind.SEND_TRACKING)
    page = client.get(BLOCKED)
    assert [row.object.subject for row in page.context["rows"]] == ["2", "1"]
    # The step that stopped first is what there is to do.
    assert [row.extra.job.last_error for row in page.context["rows"]][1] == "Nota sem valor."
    marks = cells(page.text, "Passos")[1]
    order = [marks.index(words) for words in ("NF-e não enviada", "rastreio não enviado", "aguardando")]
    assert order == sorted(order)
    assert rows_of(client, f"{BLOCKED}&rows=pushes") == ["2", "1", "1"]
    (card,) = [item for item in Board(admin).cards if item.key == "kwai.pushes_stopped"]
    assert (card.count, rows_of(client, card.url)) == (2, ["2", "1"])


@pytest.mark.parametrize(
    ("action", "left"),
    [("retry", {"pending"}), ("cancel", {"cancelled"})],
)
def test_an_action_on_an_order_is_for_each_of_its_pushes(
    client: Client, shop: Store, action: str, left: set[str]
) -> None:
    push(shop, "1")
    row = push(shop, "1", Kind.SEND_TRACKING)
    push(shop, "1", Kind.CONFIRM_DELIVERY, state=JobState.PENDING)
    other = push(shop, "2")
    answer = client.post(BLOCKED, {"action": action, "ids": str(row.pk)})
    (result,) = answer.context["results"].rows
    assert ("2 envios" in result.text, "3 envios" in result.text) == (action == "retry", action == "cancel")
    assert set(PushJob.objects.filter(subject="1").values_list("state", flat=True)) == left
    other.refresh_from_db()
    assert other.state == JobState.BLOCKED


def test_pushes_that_stopped_alike_are_one_line_and_go_again_together(client: Client, shop: Store) -> None:
    alike = [push(shop, str(number), cause="422:a") for number in range(3)]
    push(shop, "8", cause="422:b", last_error="Outra coisa.")
    push(shop, "9", cause=refusals.CHOOSE_SHIPPER.code)
    found = client.get(BLOCKED).context["causes"]
    assert (found[0].count.known, found[0].job.cause) == (3, "422:a")
    assert {cause.job.cause for cause in found} == {"422:a", "422:b", refusals.CHOOSE_SHIPPER.code}
    exact = f"{ADDRESS}{found[0].query}"
    assert sorted(rows_of(client, exact)) == ["0", "1", "2"]
    answer = client.post(exact, {"action": "retry", "whole": "1"})
    work = Work.objects.get()
    assert work.total == 3
    assert f'data-work="{work.pk}"' in answer.text or work.get_absolute_url() in answer.text
    work_run(work_id=work.pk, seconds=60)
    assert set(PushJob.objects.filter(pk__in=[job.pk for job in alike]).values_list("state", flat=True)) == {
        "pending"
    }
    assert PushJob.objects.filter(state=JobState.BLOCKED).count() == 2


def test_a_refusal_stops_under_its_code_and_an_answer_under_its_words() -> None:
    own = errors.PushRefused(refusals.CHOOSE_SHIPPER)
    theirs = [
        errors.PushRefused(f"O total {amount} não confere.", remote_code="422") for amount in ("10,00", "9,5")
    ]
    other = errors.PushRefused("Código repetido.", remote_code="422")
    assert own.cause == "order.choose_shipper"
    assert theirs[0].cause == theirs[1].cause != other.cause
    assert other.cause.startswith("422:")


PUSH_REFUSALS = [
    refusal
    for refusal in vars(refusals).values()
    if isinstance(refusal, Refusal)
    and refusal.code.startswith("push.")
    and refusal.code.split(".")[1] not in ("done", "under_way", "superseded", "ended", "cancelled")
]


@pytest.mark.parametrize("kind", Kind)
def test_every_cause_leads_to_where_it_is_mended(shop: Store, kind: Kind) -> None:
    """Whatever we refuse ourselves is in the table, and each place is a page."""
    job = push(shop, "1", kind)
    for code in (*(refusal.code for refusal in PUSH_REFUSALS), *causes.BY_REFUSAL, "422:a"):
        assert code in causes.BY_REFUSAL or ":" in code
        job.cause = code
        mend = causes.mend_of(job)
        assert mend is not None, code
        assert resolve(re.split("[?#]", mend.url)[0])
        read = {"kind": kind, "failure_mode": "rejected", "cause": code}
        assert causes.cause_read(causes.cause_key(job)) == read


@pytest.mark.parametrize("address", ["cause=nada", "cause=a~b~c", "cause=kwai.send_invoice~nada~"])
def test_an_address_that_names_no_cause_hides_nothing(client: Client, shop: Store, address: str) -> None:
    push(shop, "1")
    assert rows_of(client, f"{BLOCKED}&{address}") == ["1"]


def test_the_panel_tells_each_queue_the_quota_and_the_hours(client: Client, shop: Store) -> None:
    asked = timezone.now() - timedelta(minutes=7)
    for number in range(3):
        push(shop, f"1{number}", state=JobState.DONE)
    PushJob.objects.update(updated_at=timezone.now() - timedelta(minutes=90))
    push(shop, "2", state=JobState.DONE)
    push(shop, "3", state=JobState.PENDING, requested_at=asked)
    push(shop, "4", state=JobState.PENDING)
    push(shop, "5")
    RateLimit.objects.create(scope=f"app:{current.KWAI_APP_KEY}", call="upload_invoice")
    RateLimit.objects.update(day=limits.today(), used=current.KWAI_DAILY_CALLS - 1)
    board = client.get(f"{ADDRESS}?tab=all").context["board"]
    (line,) = board.stores
    assert (line.depth, line.oldest, line.sent, board.waiting, board.sent) == ("2", asked, 1, "2", 1)
    assert [(bar.hour.sent, bar.hour.waiting, bar.hour.failed) for bar in board.bars][-2:] == [
        (3, 0, 0),
        (1, 2, 1),
    ]
    (usage,) = board.calls
    assert (usage.label, usage.percent, board.is_quota_low) == ("enviar NF-e", 99, True)


def test_the_panel_is_folded_while_all_is_well(client: Client, shop: Store) -> None:
    def is_open() -> bool:
        cache.clear()
        html = client.get(f"{ADDRESS}?tab=all").text
        return 'push-board" open' in html

    assert not is_open()
    queues_ensure({shop.pk})
    for _ in range(breaker.FAILURES_TO_OPEN):
        breaker.learn(store_id=shop.pk, healthy=False)
    assert is_open()
    assert "Plataforma fora do ar" in client.get(f"{ADDRESS}?tab=all").text


def test_a_push_tells_every_attempt_with_its_exchange(client: Client, shop: Store, admin: User) -> None:
    job = push(shop, "1", state=JobState.DONE, requested_by=admin, origin="button")
    PushAttempt.objects.bulk_create(
        PushAttempt(
            job=job,
            outcome="unknown",
            text=f"Tentativa {number}.",
            started_at=clock.after(timedelta(seconds=number)),
        )
        for number in range(51)
    )
    PushAttempt.objects.create(
        job=job, action="verify", outcome="done", exchange=[{"path": "/gs/order", "code": 200}]
    )
    page = client.get(f"{ADDRESS}{job.pk}/").text
    assert "/gs/order" in page
    assert "Tentativa 50." in page
    assert "Tentativa 0." not in page
    assert f"por {admin} (operador)" in " ".join(page.split())
    assert re.search(r"Conferido no Kwai às \d\d:\d\d: consta lá\.", page)
    assert "Tentativa 0." in client.get(f"{ADDRESS}{job.pk}/?tentativas=todas").text
