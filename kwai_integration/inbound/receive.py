"""Second step: staged orders become sales orders, or wait for a link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.utils import timezone

from erp.accounts.models import User
from erp.channels import RowResult, row_already, row_done, row_refused
from erp.refusals import Refusal
from erp.rows import rows_update, rows_values
from erp.sales.models import Order
from kwai_integration import refusals
from kwai_integration.inbound.import_filter import filter_refusal, filtered_out
from kwai_integration.inbound.isolation import failing_isolate
from kwai_integration.inbound.listings import ListingKey, listing_key, listings_resolve
from kwai_integration.inbound.orders.create import orders_create
from kwai_integration.inbound.orders.follow import orders_follow
from kwai_integration.inbound.orders.rules import IncomingOrder, Rules, rules_read
from kwai_integration.inbound.payload import payload_read, payloads_fetch
from kwai_integration.inbound.staging import (
    UNREAD_FIELDS,
    ReadAnswer,
    StepResult,
    order_quarantine,
    usable_problem,
)
from kwai_integration.mapping.orders import MappedOrder, Problem, order_read
from kwai_integration.models import KwaiOrder, KwaiOrderState, Listing
from kwai_integration.names import names
from kwai_integration.wire.codes import KwaiRole

SLICE = 50
NOTHING_READ: Mapping[int, ReadAnswer] = MappingProxyType({})
NOT_STORABLE = (
    "O pedido não pôde ser gravado. Confira-o no Kwai e avise o suporte do ERP; "
    "depois da correção, use sincronizar situação."
)
RECEIVED_FIELDS = ["state", "problem_code", "problem", "order", "received_digest", "received_at"]


def kwai_orders_receive(
    *, ids: Sequence[int], actor: User | None = None, read: Mapping[int, ReadAnswer] = NOTHING_READ
) -> list[RowResult]:
    """Create or update the sales orders of these `KwaiOrder` ids; one result per id, in their order.

    Works from the stored answer alone, or from what staging has just read of it (`read`). Each slice of 50 is
    one transaction with a constant number of statements; an order that cannot be written is quarantined and
    does not hold up the others.
    """
    wanted = list(dict.fromkeys(ids))
    results: dict[int, RowResult] = {}
    for start in range(0, len(wanted), SLICE):
        parts = failing_isolate(
            wanted[start : start + SLICE],
            lambda slice_ids: _batch_receive(slice_ids, actor, read),
            _poison_quarantine,
        )
        results.update((result.id, result) for part in parts for result in part)
    return [results.get(id_) or row_refused(id_, refusals.ORDER_GONE) for id_ in ids]


def kwai_orders_follow(*, staged: StepResult, auto_receive: bool) -> int:
    """Receive, of what was just staged, what needs no click; how many that were.

    Orders that came in once follow the platform by themselves: a hold or a cancellation must not wait. New
    ones do, unless the store receives by itself and its import filter lets them in.
    """
    if not staged.pending:
        return 0
    rows = KwaiOrder.objects.filter(pk__in=staged.pending).exclude(filtered_out())
    if not auto_receive:
        rows = rows.exclude(state=KwaiOrderState.STAGED)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    return len(kwai_orders_receive(ids=ids, read=staged.read))


def receive_refusal(row: KwaiOrder, roles: Mapping[int, Mapping[str, KwaiRole]]) -> Refusal:
    """Why `row` cannot be received; `roles` as `situations.roles_of` answers."""
    if row.state == KwaiOrderState.QUARANTINED:
        return refusals.QUARANTINED.of(problem=row.problem)
    if row.state == KwaiOrderState.RECEIVED and row.received_digest == row.digest:
        return refusals.ALREADY_RECEIVED
    return filter_refusal(row, roles)


def _batch_receive(ids: Sequence[int], actor: User | None, read: Mapping[int, ReadAnswer]) -> list[RowResult]:
    locked = KwaiOrder.objects.select_for_update(of=("self",)).filter(pk__in=ids)
    rows = list(locked.select_related("store__kwai_settings").defer(*UNREAD_FIELDS).order_by("pk"))
    before = rows_values(rows, RECEIVED_FIELDS)
    rules = rules_read({row.store_id for row in rows})
    reasons = {row.pk: receive_refusal(row, rules.roles) for row in rows}
    refused = [_refusal_result(row, reasons[row.pk]) for row in rows if reasons[row.pk]]
    taken = [row for row in rows if not reasons[row.pk]]
    if not taken:
        return refused
    results = _rows_receive(taken, _mapped(taken, rules, read), rules, actor)
    rows_update(taken, RECEIVED_FIELDS, before=before)
    return [*refused, *results]


def _refusal_result(row: KwaiOrder, reason: Refusal) -> RowResult:
    if reason == refusals.ALREADY_RECEIVED:
        return row_already(row.pk, reason)
    return row_refused(row.pk, reason)


def _rows_receive(
    rows: Sequence[KwaiOrder],
    mapped: Mapping[int, MappedOrder | Problem],
    rules: Rules,
    actor: User | None,
) -> list[RowResult]:
    problems = {row.pk: problem for row in rows if (problem := usable_problem(row, mapped[row.pk]))}
    usable = [
        (row, order)
        for row in rows
        if isinstance(order := mapped[row.pk], MappedOrder) and row.pk not in problems
    ]
    listings = listings_resolve((row.store, order) for row, order in usable)
    incoming = _incoming(usable, listings)
    texts = _orders_write(incoming, rules, actor)
    _waiting_write(incoming, listings)
    for row in rows:
        if problem := problems.get(row.pk):
            order_quarantine(row, problem.code, problem.reason)
    return [_result(row, texts) for row in rows]


def _mapped(
    rows: Sequence[KwaiOrder], rules: Rules, read: Mapping[int, ReadAnswer]
) -> dict[int, MappedOrder | Problem]:
    """What the answer of each row says: as staging read it, or read again from where it is kept."""
    found: dict[int, MappedOrder | Problem] = {}
    unread = []
    for row in rows:
        known = read.get(row.pk)
        if known is not None and known.holds_for(row, rules.roles[row.store_id]):
            found[row.pk] = known.mapped
        else:
            unread.append(row)
    if unread:
        payloads_fetch(unread)
    return found | {row.pk: _read(row, rules.roles[row.store_id]) for row in unread}


def _read(row: KwaiOrder, roles: Mapping[str, KwaiRole]) -> MappedOrder | Problem:
    try:
        answer = payload_read(row)
    except ValueError:
        return Problem("payload_cut", "A resposta guardada está cortada. Confira no Kwai.", row.external_id)
    return order_read(answer, row.fetch_started_at, roles, names())


def _incoming(
    usable: Sequence[tuple[KwaiOrder, MappedOrder]], listings: dict[ListingKey, Listing]
) -> list[IncomingOrder]:
    """An answer whose lines cannot be read ends no waiting for a link of those that could."""
    loose = _still_loose([row for row, order in usable if "lines" in order.unread])
    incoming = []
    for row, order in usable:
        sku_ids = _sku_ids(row, order, listings)
        waits = row.pk in loose or (sku_ids is None and "lines" not in order.unread)
        incoming.append(IncomingOrder(row, order, sku_ids, waits))
    return incoming


def _still_loose(rows: Sequence[KwaiOrder]) -> set[int]:
    """Those of `rows` that wait for a link that nobody has made."""
    ids = [row.pk for row in rows if row.state == KwaiOrderState.UNLINKED]
    if not ids:
        return set()
    through: Any = KwaiOrder.waiting_for.through
    waiting = through.objects.filter(kwaiorder_id__in=ids, listing__sku__isnull=True)
    return set(waiting.values_list("kwaiorder_id", flat=True))


def _sku_ids(row: KwaiOrder, order: MappedOrder, listings: dict[ListingKey, Listing]) -> list[int] | None:
    """The SKU of each line, or None while one of them has no link or the lines could not be read."""
    if "lines" in order.unread:
        return None
    found = [listings[listing_key(row.store_id, line)].sku_id for line in order.lines]
    linked = [sku_id for sku_id in found if sku_id is not None]
    return linked if len(linked) == len(found) else None


def _orders_write(incoming: Sequence[IncomingOrder], rules: Rules, actor: User | None) -> dict[int, str]:
    """Create and update; the text of each row that was taken over. The others wait for a link."""
    new = [entry for entry in incoming if entry.row.order_id is None and entry.sku_ids is not None]
    known = [entry for entry in incoming if entry.row.order_id is not None]
    numbers = {order.pk: order.number for order in _orders_of(known)}
    changed = orders_follow(known, rules, actor)
    texts = {}
    for entry in known:
        order_id = entry.row.order_id or 0
        what = "atualizado" if changed[order_id] else "sem mudanças"
        texts[entry.row.pk] = f"Pedido de venda {numbers[order_id]} {what}."
    if new:
        for order, entry in zip(orders_create(new, rules, actor), new, strict=True):
            entry.row.order = order
            texts[entry.row.pk] = f"Pedido de venda {order.number} criado."
    for entry in incoming:
        _row_settle(entry)
    return texts


def _orders_of(known: Sequence[IncomingOrder]) -> Iterable[Order]:
    ids = [entry.row.order_id for entry in known if entry.row.order_id]
    return Order.objects.filter(pk__in=ids).only("pk", "number") if ids else ()


def _row_settle(entry: IncomingOrder) -> None:
    row = entry.row
    row.state = KwaiOrderState.UNLINKED if entry.waits else KwaiOrderState.RECEIVED
    row.received_digest = row.digest
    row.received_at = timezone.now()


def _waiting_write(incoming: Sequence[IncomingOrder], listings: dict[ListingKey, Listing]) -> None:
    """Note which listings keep which orders waiting, so that linking one finds them at once."""
    through: Any = KwaiOrder.waiting_for.through
    reported = [entry.row.pk for entry in incoming if "lines" not in entry.mapped.unread]
    through.objects.filter(kwaiorder_id__in=reported).delete()
    pairs = {
        (entry.row.pk, listings[listing_key(entry.row.store_id, line)].pk)
        for entry in incoming
        for line in entry.mapped.lines
        if listings[listing_key(entry.row.store_id, line)].sku_id is None
    }
    through.objects.bulk_create(
        [through(kwaiorder_id=row_id, listing_id=listing_id) for row_id, listing_id in sorted(pairs)]
    )


def _result(row: KwaiOrder, texts: dict[int, str]) -> RowResult:
    if row.state == KwaiOrderState.RECEIVED:
        return row_done(row.pk, texts[row.pk])
    if row.state == KwaiOrderState.UNLINKED:
        return row_refused(row.pk, refusals.UNLINKED)
    return row_refused(row.pk, refusals.QUARANTINED.of(problem=row.problem))


def _poison_quarantine(id_: int) -> list[RowResult]:
    row = KwaiOrder.objects.filter(pk=id_).first()
    if row is None:
        return []
    order_quarantine(row, "not_storable", NOT_STORABLE)
    KwaiOrder.objects.filter(pk=id_).update(
        state=row.state, problem_code=row.problem_code, problem=row.problem
    )
    return [row_refused(id_, refusals.QUARANTINED.of(problem=row.problem))]
