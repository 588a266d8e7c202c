"""Second step: staged orders become sales orders, or wait for a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.utils import timezone

from erp.accounts.models import Store, User
from erp.channels import RowResult, row_already, row_done, row_refused
from erp.refusals import Refusal
from erp.rows import rows_update, rows_values
from kwai_integration import refusals
from kwai_integration.inbound.import_filter import filter_refusal
from kwai_integration.inbound.isolation import failing_isolate
from kwai_integration.inbound.listings import ListingKey, listing_key, listings_resolve
from kwai_integration.inbound.orders.create import orders_create
from kwai_integration.inbound.orders.follow import orders_follow
from kwai_integration.inbound.orders.rules import IncomingOrder, KnownRules, Rules
from kwai_integration.inbound.payload import Kept, answers_read
from kwai_integration.inbound.staging import ReadAnswer, StepResult, order_quarantine, usable_problem
from kwai_integration.mapping.orders import MappedOrder, Problem, order_read
from kwai_integration.models import FETCH_NEEDED, FORMER_FIELDS, KwaiOrder, KwaiOrderState, Listing
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
    *,
    ids: Sequence[int],
    actor: User | None = None,
    read: Mapping[int, ReadAnswer] = NOTHING_READ,
    known_rules: KnownRules | None = None,
) -> list[RowResult]:
    """Create or update the sales orders of these `KwaiOrder` ids; one result per id, in their order.

    Works from the stored answer alone, or from what staging has just read of it (`read`); an order whose
    answer is not kept any more is marked as one to be fetched, and stays as it is. Each slice of 50 is
    one transaction with a constant number of statements; an order that cannot be written is quarantined and
    does not hold up the others.
    """
    wanted = list(dict.fromkeys(ids))
    rules = known_rules or KnownRules()
    results: dict[int, RowResult] = {}
    for start in range(0, len(wanted), SLICE):
        parts = failing_isolate(
            wanted[start : start + SLICE],
            lambda slice_ids: _batch_receive(slice_ids, actor, read, rules),
            _poison_quarantine,
        )
        results.update((result.id, result) for part in parts for result in part)
    return [results.get(id_) or row_refused(id_, refusals.ORDER_GONE) for id_ in ids]


def kwai_orders_follow(
    *, staged: StepResult, auto_receive: bool, known_rules: KnownRules | None = None
) -> int:
    """Receive, of what was just staged, what needs no click; how many that were.

    Orders that came in once follow the platform by themselves: a hold or a cancellation must not wait. New
    ones do, unless the store receives by itself and its import filter lets them in.
    """
    ids = [pk for pk in sorted(staged.pending) if auto_receive or pk not in staged.waiting]
    results = kwai_orders_receive(ids=ids, read=staged.read, known_rules=known_rules)
    return sum(result.code != refusals.FILTERED.code for result in results)


def receive_refusal(row: KwaiOrder, roles: Mapping[int, Mapping[str, KwaiRole]]) -> Refusal:
    """Why `row` cannot be received; `roles` as `situations.roles_of` answers."""
    if row.state == KwaiOrderState.QUARANTINED:
        return refusals.QUARANTINED.of(problem=row.problem)
    if row.state == KwaiOrderState.RECEIVED and row.received_digest == row.digest:
        return refusals.ALREADY_RECEIVED
    return filter_refusal(row, roles)


def _batch_receive(
    ids: Sequence[int], actor: User | None, read: Mapping[int, ReadAnswer], known_rules: KnownRules
) -> list[RowResult]:
    rows = _rows_lock(ids)
    before = rows_values(rows, RECEIVED_FIELDS)
    rules = known_rules.read({row.store_id for row in rows})
    reasons = {row.pk: receive_refusal(row, rules.roles) for row in rows}
    refused = [_refusal_result(row, reasons[row.pk]) for row in rows if reasons[row.pk]]
    taken = [row for row in rows if not reasons[row.pk]]
    if not taken:
        return refused
    mapped = _mapped(taken, rules, read)
    emptied = [row for row in taken if row.pk not in mapped]
    results = [_emptied_settle(row) for row in emptied]
    if mapped:
        results += _rows_receive([row for row in taken if row.pk in mapped], mapped, rules, actor)
    rows_update(taken, RECEIVED_FIELDS, before=before)
    return [*refused, *results]


def _rows_lock(ids: Sequence[int]) -> list[KwaiOrder]:
    """These orders in the order of their ids, sharing one object a store."""
    locked = KwaiOrder.objects.select_for_update().filter(pk__in=ids).defer(*FORMER_FIELDS)
    rows = list(locked.order_by("pk"))
    stores = Store.objects.select_related("kwai_settings").in_bulk({row.store_id for row in rows})
    for row in rows:
        row.store = stores[row.store_id]
    return rows


def _emptied_settle(row: KwaiOrder) -> RowResult:
    """Without the answer nothing is guessed: what is here stays, and somebody is told to fetch it."""
    row.received_digest = FETCH_NEEDED
    if row.state != KwaiOrderState.RECEIVED:
        order_quarantine(row, "answer_emptied", refusals.ANSWER_EMPTIED)
    return row_refused(row.pk, refusals.ANSWER_EMPTIED)


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
    """What the answer of each row says: as staging read it, or read again from where it is kept. Rows whose
    answer is not kept are left out."""
    found: dict[int, MappedOrder | Problem] = {}
    unread = []
    for row in rows:
        known = read.get(row.pk)
        if known is not None and known.holds_for(row, rules.roles[row.store_id]):
            found[row.pk] = known.mapped
        else:
            unread.append(row)
    kept = answers_read([row.pk for row in unread]) if unread else {}
    return found | {
        row.pk: _read(row, kept[row.pk], rules.roles[row.store_id]) for row in unread if row.pk in kept
    }


def _read(row: KwaiOrder, kept: Kept, roles: Mapping[str, KwaiRole]) -> MappedOrder | Problem:
    try:
        answer = kept.load()
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
    followed = orders_follow(known, rules, actor)
    texts = {entry.row.pk: followed[entry.row.order_id or 0] for entry in known}
    if new:
        for order, entry in zip(orders_create(new, rules, actor), new, strict=True):
            entry.row.order = order
            texts[entry.row.pk] = f"Pedido de venda {order.number} criado."
    for entry in incoming:
        _row_settle(entry)
    return texts


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
