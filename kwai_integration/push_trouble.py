"""What keeps pushes of whole stores waiting and is no fault of a connection: a silent platform, a spent
quota, a queue that nobody works off. Read from the rows each time, one notice for each condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.attention.register import Item, MailText, Repair
from erp.outbox import handlers
from erp.outbox.breaker import rest
from erp.outbox.models import RateLimit, StoreQueue
from erp.outbox.selectors import late_queues, maybe_late_queues, quotas_spent, resting_queues
from erp.outbox.statuses import LONGEST_REST, BreakerState, WaitReason
from kwai_integration.connection_trouble import ended, own_stores, stores_url
from kwai_integration.wire.errors import duration_text

SILENT = "O Kwai não está respondendo."
MOST_NAMES = 3


def silent_items(user: User) -> Iterator[Item]:
    """Queues that rest, one notice for each reason. The e-mail waits for the longest rest: most are over in
    a minute."""
    queues: dict[str, list[StoreQueue]] = {}
    for queue in resting_queues(user=user):
        queues.setdefault(queue.rest_reason, []).append(queue)
    for reason, resting in queues.items():
        stores = [queue.store for queue in resting]
        said = ended(reason) if reason else SILENT
        text = f"{said} Os envios de {names_of(stores)} esperam e voltam sozinhos."
        lasts = any(rest(queue.breaker_failures) >= LONGEST_REST for queue in resting)
        yield _item("kwai.platform_silent", reason, text, stores, {"tab": "open"}, is_mailed=lasts)


def quota_items(user: User) -> Iterator[Item]:
    """Spent daily quotas of the application, one notice for each call; two queries at most."""
    spent = quotas_spent()
    stores = [*own_stores(user)] if spent else []
    for call, until in spent.items():
        text = (
            f"A cota diária de chamadas do Kwai acabou ({handlers.call_label(call)}). O que depende dela "
            f"espera e continua sozinho em {span_text(until)}."
        )
        if stores:
            yield _item("kwai.quota_spent", call, text, stores, {"tab": "open"}, is_mailed=True)


def late_items(user: User) -> Iterator[Item]:
    """Pushes that nobody takes although nothing holds them; one query."""
    queues = late_queues(user=user)
    if queues:
        stores, oldest = [queue.store for queue in queues], min(queue.since for queue in queues)
        text = (
            f"Envios de {names_of(stores)} esperam há {span_text(oldest)} sem sair, e nada os impede: o ERP "
            "não está trabalhando ou não dá conta. Se não andarem em alguns minutos, avise quem cuida do "
            "servidor."
        )
        yield _item("kwai.backlog_late", "", text, stores, {"tab": "open"}, is_mailed=True)


def resting_rows(user: User) -> list[QuerySet[Any]]:
    resting = StoreQueue.objects.exclude(breaker_state=BreakerState.CLOSED)
    return [resting.filter(store__in=Store.objects.visible_to(user))]


def spent_rows(user: User) -> list[QuerySet[Any]]:
    return [RateLimit.objects.filter(resume_reason=WaitReason.QUOTA, resume_at__gt=Now())]


def late_rows(user: User) -> list[QuerySet[Any]]:
    return [maybe_late_queues(user)]


def names_of(stores: Sequence[Store]) -> str:
    """`Loja A, Loja B e mais 3`."""
    names = [store.name for store in stores]
    more = len(names) - MOST_NAMES
    if more > 1:
        return f"{', '.join(names[:MOST_NAMES])} e mais {more} lojas"
    return " e ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def span_text(at: datetime) -> str:
    """How far away `at` is, on either side of now: `2 h e 5 min`."""
    return duration_text(abs((at - timezone.now()).total_seconds()))


def _item(
    key: str, subject: str, text: str, stores: Sequence[Store], shown: dict[str, str], *, is_mailed: bool
) -> Item:
    """Told by e-mail once a day while it lasts or comes back."""
    pushes = f"{reverse('kwai:jobs')}?{urlencode(shown)}"
    mail = MailText(
        f"day {timezone.localdate():%Y-%m-%d}",
        subject=f"Kwai: envios esperam ({names_of(stores)})",
        body=f"{text}\n\n{settings.PUBLIC_URL}{pushes}\n",
    )
    return Item(
        key=key,
        subject=subject,
        sentence=text,
        count=len(stores),
        url=stores_url([store.pk for store in stores]),
        repair=Repair("ver envios", pushes),
        mail=mail if is_mailed else None,
    )
