"""*Sincronizar situação*: ask the platform now about these orders and apply what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import Q

from erp.accounts.models import Store, User
from erp.channels import RowResult, row_done, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from kwai_integration import refusals
from kwai_integration.client.gateway import PAGE_SIZE
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.inbound.checks import KwaiOrderAction, kwai_orders_check
from kwai_integration.inbound.details import Fetched, details_fetch
from kwai_integration.inbound.orders.rules import Rules, rules_read
from kwai_integration.inbound.orders.situations import situations_set
from kwai_integration.inbound.payload import answers_missing
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.staging import DETAILS_FAILED, DETAILS_MISSING, MISSING_TEXTS, kwai_orders_stage
from kwai_integration.models import FORMER_FIELDS, KwaiOrder, KwaiOrderState
from kwai_integration.situations import situation_label
from kwai_integration.wire import errors


def kwai_orders_refresh(*, ids: Sequence[int], actor: User | None = None) -> list[RowResult]:
    """Fetch these `KwaiOrder` ids, store the answers, and move the sales orders to the situation they
    tell; one result per id, in their order. Calls the platform, so it runs outside any transaction."""
    refused = {
        id_: reason for id_, reason in kwai_orders_check(KwaiOrderAction.REFRESH, ids).items() if reason
    }
    results = {id_: row_refused(id_, reason) for id_, reason in refused.items()}
    for store, rows in _batches([id_ for id_ in ids if id_ not in refused]):
        results.update((result.id, result) for result in _batch_refresh(store, rows, actor))
    return [results[id_] for id_ in ids]


def _batches(ids: Sequence[int]) -> Iterator[tuple[Store, list[KwaiOrder]]]:
    """Rows by store, at most a page of details at a time."""
    rows = KwaiOrder.objects.filter(pk__in=ids).select_related("store").order_by("store_id", "pk")
    by_store: dict[Store, list[KwaiOrder]] = {}
    for row in rows.defer(*FORMER_FIELDS):
        by_store.setdefault(row.store, []).append(row)
    for store, own in by_store.items():
        for start in range(0, len(own), PAGE_SIZE):
            yield store, own[start : start + PAGE_SIZE]


def _batch_refresh(store: Store, rows: list[KwaiOrder], actor: User | None) -> list[RowResult]:
    try:
        fetched = details_fetch(client_for(store.pk), [row.external_id for row in rows])
    except (errors.KwaiError, NotConnected) as error:
        return [row_refused(row.pk, error.refusal) for row in rows]
    # What was quarantined is looked at anew although the answer is the same: the fault may have been ours.
    # What is not kept any more is stored again.
    own = KwaiOrder.objects.filter(pk__in=[row.pk for row in rows])
    anew = own.filter(Q(state=KwaiOrderState.QUARANTINED) | answers_missing())
    before = _situations([row.order_id for row in rows if row.order_id])
    staged = kwai_orders_stage(
        store=store,
        details=fetched.answers,
        fetch_started_at=fetched.started_at,
        anew=set(anew.values_list("external_id", flat=True)),
    )
    known = KwaiOrder.objects.filter(pk__in=staged.pending, order__isnull=False)
    kwai_orders_receive(ids=list(known.values_list("pk", flat=True)), actor=actor, read=staged.read)
    return _results(store.pk, [row.pk for row in rows], before, fetched, actor)


def _situations(order_ids: Sequence[int]) -> dict[int, OrderStatus]:
    found = Order.objects.filter(pk__in=order_ids).values_list("pk", "status")
    return {order_id: OrderStatus(status) for order_id, status in found}


def _results(
    store_id: int, ids: list[int], before: dict[int, OrderStatus], fetched: Fetched, actor: User | None
) -> list[RowResult]:
    rules = rules_read({store_id})
    # Also when the answer is the known one: the mapping of the store may have changed since. Read again under
    # the lock, because a poll may have stored and received newer answers meanwhile.
    with transaction.atomic():
        locked = KwaiOrder.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
        rows = list(locked.defer(*FORMER_FIELDS))
        situations_set(
            [(row.order_id, row.store_id, row.remote_status) for row in rows if row.order_id], rules, actor
        )
    after = _situations(list(before))
    removed = dict.fromkeys(fetched.missing, DETAILS_MISSING) | dict.fromkeys(fetched.failed, DETAILS_FAILED)
    return [_result(row, before, after, rules, removed.get(row.external_id, "")) for row in rows]


def _result(
    row: KwaiOrder,
    before: dict[int, OrderStatus],
    after: dict[int, OrderStatus],
    rules: Rules,
    removed: str,
) -> RowResult:
    refusal = _refusal(row, rules, removed)
    if refusal:
        return row_refused(row.pk, refusal)
    was, now = before[row.order_id or 0], after[row.order_id or 0]
    if was != now:
        return row_done(row.pk, f"Situação alterada: {was.label} → {now.label}.")
    reported = rules.situation(row.store_id, row.remote_status)
    if reported not in (None, now):
        label = situation_label(row.remote_status, rules.role(row.store_id, row.remote_status))
        text = f"Continua {now.label}: o Kwai diz {label}, que fica para trás."
        return row_done(row.pk, text)
    return row_done(row.pk, f"Sem mudança: continua {now.label}.")


def _refusal(row: KwaiOrder, rules: Rules, removed: str) -> Refusal:
    if removed:
        return MISSING_TEXTS[removed]
    if row.state == KwaiOrderState.QUARANTINED:
        return refusals.QUARANTINED.of(problem=row.problem)
    if row.order_id is None:
        return refusals.NOT_RECEIVED
    if rules.situation(row.store_id, row.remote_status) is None:
        return refusals.UNMAPPED.of(code=row.remote_status)
    return NO_REFUSAL
