"""Judging stored answers again after the table of codes changed (contract section 4, row `orderStatus`).

In slices, each a transaction that also moves the mark on the store's settings, so that a killed worker goes
on where it stood. Orders move forward only, and nothing is sent by it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.db import transaction

from erp import scheduling
from erp.attention.conditions import condition_open
from erp.attention.register import store_subject
from erp.rows import rows_update
from erp.sales.models import Order
from kwai_integration.conditions import ORDERS_JUDGED_AGAIN
from kwai_integration.inbound.isolation import failing_isolate
from kwai_integration.inbound.orders.follow import orders_follow
from kwai_integration.inbound.orders.rules import IncomingOrder, Rules, rules_read
from kwai_integration.inbound.payload import Kept, answers_read
from kwai_integration.inbound.staging import STAGED_FIELDS, mapped_show, usable_problem
from kwai_integration.mapping.orders import PROBLEMS, MappedOrder, order_read
from kwai_integration.models import FORMER_FIELDS, KwaiOrder, KwaiOrderState, KwaiSettings
from kwai_integration.names import names

logger = logging.getLogger(__name__)

SLICE = 100
# A task lives 120 s; what is left is taken up by the next one.
BUDGET_SECONDS = 20.0
SHOWN_FIELDS = [name for name in STAGED_FIELDS if not name.startswith(("digest", "fetch_"))]


def stores_to_judge() -> list[int]:
    return list(KwaiSettings.objects.filter(judged_up_to__isnull=False).values_list("pk", flat=True))


def store_judge(store_id: int) -> bool:
    """Judge some slices of one store; True when more are left."""
    started = time.monotonic()
    while time.monotonic() - started < BUDGET_SECONDS and not scheduling.is_stopping():
        if not _slice_judge(store_id):
            return False
    return True


@transaction.atomic
def _slice_judge(store_id: int) -> bool:
    """One slice; False when nothing is left or somebody else is at it."""
    options = KwaiSettings.objects.select_for_update().get(pk=store_id)
    if options.judged_up_to is None:
        return False
    waiting = KwaiOrder.objects.filter(store_id=store_id, pk__gt=options.judged_up_to).order_by("pk")
    ids = list(waiting.values_list("pk", flat=True)[:SLICE])
    if not ids:
        _finish(options)
        return False
    rules = rules_read([store_id])
    options.judged_moved += sum(
        failing_isolate(ids, lambda part: _rows_judge(part, rules), lambda pk: _left_alone(pk))
    )
    options.judged_up_to = ids[-1]
    options.save(update_fields=["judged_up_to", "judged_moved"])
    return True


def _rows_judge(ids: Sequence[int], rules: Rules) -> int:
    """How many orders of these `KwaiOrder` ids moved to another situation."""
    rows = list(
        KwaiOrder.objects.select_for_update(of=("self",))
        .filter(pk__in=ids)
        .select_related("store__kwai_settings")
        .defer(*FORMER_FIELDS)
        .order_by("pk")
    )
    kept = answers_read(ids)
    incoming = []
    for row in rows:
        mapped = _mapped(row, kept.get(row.pk), rules)
        if mapped is not None and not _has_problem(row, mapped):
            mapped_show(row, mapped)
            incoming.append(IncomingOrder(row, mapped, None, waits=row.state == KwaiOrderState.UNLINKED))
    rows_update([entry.row for entry in incoming], SHOWN_FIELDS)
    known = [entry for entry in incoming if entry.row.order_id]
    before = _situations(known)
    orders_follow(known, rules, None, again=True)
    after = _situations(known)
    return sum(before[pk] != after[pk] for pk in before)


def _mapped(row: KwaiOrder, kept: Kept | None, rules: Rules) -> MappedOrder | None:
    """The stored answer under the present table; None for one that is not kept or is no JSON any more."""
    if kept is None:
        return None
    try:
        answer = kept.load()
    except ValueError:
        return None
    mapped = order_read(answer, row.fetch_started_at, rules.roles[row.store_id], names())
    return mapped if isinstance(mapped, MappedOrder) else None


def _has_problem(row: KwaiOrder, mapped: MappedOrder) -> bool:
    """Whether `row` stays *com problema*: only what the mapping itself found can be found gone again."""
    if row.state != KwaiOrderState.QUARANTINED:
        return False
    return row.problem_code not in PROBLEMS or usable_problem(row, mapped) is not None


def _situations(known: Sequence[IncomingOrder]) -> dict[int, str]:
    ids = [entry.row.order_id for entry in known if entry.row.order_id]
    return dict(Order.objects.filter(pk__in=ids).values_list("pk", "status"))


def _left_alone(pk: int) -> int:
    logger.warning("Stored answer %d could not be judged again and stays as it is", pk)
    return 0


def _finish(options: KwaiSettings) -> None:
    moved = options.judged_moved
    options.judged_up_to, options.judged_moved = None, 0
    options.save(update_fields=["judged_up_to", "judged_moved"])
    what = {0: "nenhum mudou", 1: "1 mudou"}.get(moved, f"{moved} mudaram")
    text = (
        "Os pedidos que já estavam aqui foram conferidos com a segunda edição dos códigos do Kwai: "
        f"{what} de situação. Nada foi enviado por isso."
    )
    condition_open(
        key=ORDERS_JUDGED_AGAIN,
        subject=store_subject(options.pk),
        text=text,
        company_id=options.store.company_id,
        store_id=options.pk,
    )
