"""Orders that are here follow their platform's answer, by the ownership rules.

What an answer changes is worked out order by order without the database (`order_followed`), then written at
once (`followed_write`): a constant number of statements, and none that writes when nothing changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from erp import channels
from erp.accounts.models import User
from erp.rows import Snapshot, rows_update, rows_values
from erp.sales.models import Buyer, DeliveryAddress, Order, OrderLine
from erp.sales.services import EventDraft, order_events_append
from erp.sales.stock import orders_stock_reserve
from erp.stock.services import lines_shipped_out
from invoices.models import ISSUED, Invoice
from kwai_integration.inbound.orders import remarks
from kwai_integration.inbound.orders.lines import LINE_FIELDS, LinePlan, line_new
from kwai_integration.inbound.orders.parts import part_label, parts_follow
from kwai_integration.inbound.orders.rules import AMOUNTS, IncomingOrder, Rules, amounts_of
from kwai_integration.inbound.orders.situations import situations_apply
from kwai_integration.inbound.refunds import COLUMNS as REFUND_FIELDS
from kwai_integration.inbound.refunds import Listed, refund_events, refund_take, refunds_listed
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.outbound.automation import arrangements_by_rule, orders_released
from kwai_integration.outbound.following import arrivals_follow, orders_in, parcels_follow, shipper_follow
from kwai_integration.wire.codes import ARRIVED_ROLES, KwaiRole

# Platform-owned columns of an order that follow the answer, with the word the timeline uses.
FOLLOWED = {
    "remote_status": "situação no Kwai",
    "paid_at": "pagamento",
    "ship_by_at": "prazo de envio",
    "hold_reason": "retenção",
    "buyer_note": "observação do comprador",
}
# Chosen by a mapping while nobody has chosen yet.
# By these the list of the expedição is sorted and filtered.
TERMS = ("ship_by_at", "shipping_method")
CHOSEN = ("shipping_method", "carrier", "payment_method")
CLOSED_FIELDS = ("closed_at", "handover_unclear")
COLUMNS = ("shipped_by", *FOLLOWED, *REFUND_FIELDS, *CLOSED_FIELDS, "unread_parts", *AMOUNTS, *CHOSEN)


@dataclass
class Known:
    """What the rows here say of a batch, read once. `fixed`: orders whose lines stay as they are, because a
    note names them or their goods have left."""

    lines: Mapping[int, Sequence[OrderLine]]
    fixed: Collection[int]
    refunds: Listed


@dataclass
class FollowedOrder:
    """What one answer changed of its order; the order itself has its new values, unwritten."""

    order: Order
    # In the timeline's words. What has a line of its own there is only `is_touched`.
    changes: list[str] = field(default_factory=list)
    is_touched: bool = False
    drafts: list[EventDraft] = field(default_factory=list)
    # Said once for the same content, however often the answer changes in other ways.
    remarks: list[EventDraft] = field(default_factory=list)
    lines: LinePlan | None = None
    is_released: bool = False
    is_reopened: bool = False
    has_other_shipper: bool = False


def orders_follow(
    incoming: Sequence[IncomingOrder], rules: Rules, actor: User | None, *, again: bool = False
) -> dict[int, str]:
    """Let existing orders follow their platform's answer; order id -> what came of it, as a sentence.

    `again`: old answers are only judged anew, so nothing is asked to be sent and nothing moves backwards.
    """
    if not incoming:
        return {}
    orders = _orders_lock(incoming)
    before = rows_values(orders.values(), COLUMNS)
    known = _known(orders, incoming)
    followed = {
        order.pk: order_followed(order, entry, rules, known)
        for entry in incoming
        for order in [orders[entry.row.order_id or 0]]
    }
    followed_write(followed, incoming, rules, actor, before)
    moved = situations_apply(incoming, rules, actor, monotonic=again)
    pairs = [(orders[entry.row.order_id or 0], entry.mapped) for entry in incoming]
    _parcels_write(followed, pairs, rules)
    if not again:
        _sending_start(followed, pairs, rules)
    return {pk: _followed_text(each, has_moved=pk in moved) for pk, each in followed.items()}


def _followed_text(followed: FollowedOrder, *, has_moved: bool) -> str:
    is_changed = bool(followed.changes) or followed.is_touched or has_moved
    return f"Pedido de venda {followed.order.number} {'atualizado' if is_changed else 'sem mudanças'}."


def _parcels_write(
    followed: Mapping[int, FollowedOrder], pairs: Sequence[tuple[Order, MappedOrder]], rules: Rules
) -> None:
    parcels_follow(pairs, [pk for pk, each in followed.items() if each.has_other_shipper])
    arrivals_follow(orders_in(ARRIVED_ROLES, pairs, rules.roles))


def _sending_start(
    followed: Mapping[int, FollowedOrder], pairs: Sequence[tuple[Order, MappedOrder]], rules: Rules
) -> None:
    """What the store sends by itself, now that its orders may."""
    orders_released([pk for pk, each in followed.items() if each.is_released])
    accepted = orders_in((KwaiRole.TO_ARRANGE,), pairs, rules.roles)
    arrangements_by_rule([order.pk for order in accepted])


def order_followed(order: Order, entry: IncomingOrder, rules: Rules, known: Known) -> FollowedOrder:
    """Let one order take over what its answer says, in memory."""
    result = FollowedOrder(order)
    was_frozen = bool(order.frozen_reason)
    reported = _columns_follow(result, entry.mapped)
    _refund_follow(result, entry, known)
    _closing_follow(result, rules)
    _unread_follow(result, entry.open_parts)
    if "hold_reason" in reported:
        result.drafts.append(remarks.hold_event(order))
    result.is_released = (was_frozen or "hold_reason" in reported) and not order.frozen_reason
    if "remote_status" in reported and rules.situation(order.store_id, order.remote_status) is None:
        result.drafts.append(
            remarks.unmapped_event(
                order, order.remote_status, rules.role(order.store_id, order.remote_status)
            )
        )
    if shipper_follow(order, entry.mapped):
        result.changes.append("quem envia")
        result.has_other_shipper = True
    _choices_follow(result, entry, rules)
    if entry.sku_ids is not None or entry.waits or "lines" in entry.mapped.unread:
        _content_follow(result, entry, rules, known)
    return result


def followed_write(
    followed: Mapping[int, FollowedOrder],
    incoming: Sequence[IncomingOrder],
    rules: Rules,
    actor: User | None,
    before: Snapshot,
) -> None:
    """Write what changed of a batch since `before`, parts and timeline included, and let the stock follow its
    lines."""
    _parts_write(followed, incoming, rules)
    _orders_write(followed.values(), before)
    removed = _lines_write(followed.values())
    said = [remark for each in followed.values() for remark in each.remarks]
    said += remarks.shipped_elsewhere(incoming, {pk: each.order for pk, each in followed.items()})
    drafts = [
        *(draft for each in followed.values() for draft in each.drafts),
        *remarks.changed_events({pk: each.changes for pk, each in followed.items()}),
        *remarks.unsaid(said),
    ]
    if drafts:
        order_events_append(drafts=drafts, actor=actor)
    orders_stock_reserve(
        order_ids={pk for pk, each in followed.items() if each.lines or each.is_reopened},
        warehouses=rules.warehouses,
        removed_line_ids=removed,
        actor=actor,
    )


def followed_columns(mapped: MappedOrder) -> dict[str, Any]:
    """What the answer says of the followed columns; of those it could not be read for, nothing."""
    return {name: getattr(mapped, name) for name in FOLLOWED if name not in mapped.unread}


def refunds_of(incoming: Iterable[IncomingOrder]) -> Listed:
    rows = [entry.row for entry in incoming]
    return refunds_listed({row.store_id for row in rows}, {row.external_id for row in rows})


def _orders_lock(incoming: Sequence[IncomingOrder]) -> dict[int, Order]:
    ids = [entry.row.order_id for entry in incoming if entry.row.order_id]
    rows = Order.objects.filter(pk__in=ids).select_related("shipping_method").lock_for_update()
    return {order.pk: order for order in rows}


def _known(orders: Mapping[int, Order], incoming: Sequence[IncomingOrder]) -> Known:
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order_id__in=orders).order_by("order_id", "position"):
        lines[line.order_id].append(line)
    order_of = {line.pk: order_id for order_id, own in lines.items() for line in own}
    noted = Invoice.objects.filter(order_id__in=orders, status__in=ISSUED).values_list("order_id", flat=True)
    left = {order_of[line_id] for line_id in lines_shipped_out(order_of)}
    return Known(lines, {*noted, *left}, refunds_of(incoming))


def _columns_follow(result: FollowedOrder, mapped: MappedOrder) -> list[str]:
    """The names of the columns that changed."""
    values = followed_columns(mapped)
    reported = [name for name, value in values.items() if getattr(result.order, name) != value]
    for name in reported:
        setattr(result.order, name, values[name])
    result.changes += [FOLLOWED[name] for name in reported]
    return reported


def _refund_follow(result: FollowedOrder, entry: IncomingOrder, known: Known) -> None:
    order, row = result.order, entry.row
    before = [getattr(order, name) for name in REFUND_FIELDS]
    if refund_take(order, row, known.refunds[row.store_id, row.external_id]):
        result.drafts += refund_events([order])
    if before != [getattr(order, name) for name in REFUND_FIELDS]:
        result.is_touched = True


def _closing_follow(result: FollowedOrder, rules: Rules) -> None:
    """A closed order that the platform opens again moves on; closing itself is `closing.orders_close`."""
    order = result.order
    role = rules.role(order.store_id, order.remote_status)
    if order.closed_at is not None and role not in (None, KwaiRole.CLOSED):
        order.closed_at, order.handover_unclear = None, False
        result.is_touched = result.is_reopened = True


def _unread_follow(result: FollowedOrder, parts: list[str]) -> None:
    if parts != result.order.unread_parts:
        result.drafts.append(remarks.unread_event(result.order, parts))
        result.order.unread_parts = parts
        result.is_touched = True


def _choices_follow(result: FollowedOrder, entry: IncomingOrder, rules: Rules) -> None:
    """Ways of shipping and of payment that a mapping knows by now, where nobody has chosen any."""
    order = result.order
    method = rules.shipping(order.store_id, entry.mapped, order.shipped_by)
    payment_id = rules.payment_id(order.store_id, entry.mapped)
    if method and order.shipping_method_id is None and order.carrier_id is None:
        order.shipping_method, order.carrier_id = method, method.carrier_id
        result.changes.append("forma de envio (mapeamento)")
    if payment_id and order.payment_method_id is None:
        order.payment_method_id = payment_id
        result.changes.append("forma de recebimento (mapeamento)")


def _content_follow(result: FollowedOrder, entry: IncomingOrder, rules: Rules, known: Known) -> None:
    """Lines and amounts follow together, or not at all: a note or the stock has settled both. Lines that
    cannot be read or linked stay, and hold no amount back."""
    order, amounts = result.order, rules.amounts(entry)
    plan = LinePlan(known.lines.get(order.pk, ()), entry) if entry.sku_ids is not None else None
    lines_differ = plan is not None and plan.differs
    amounts_differ = any(getattr(order, name) != value for name, value in amounts.items())
    if not lines_differ and not amounts_differ:
        return
    if order.pk in known.fixed:
        if lines_differ or not _is_reported(order, entry.mapped):
            result.remarks.append(remarks.kept_remark(order.pk, entry.mapped, amounts))
        return
    for name, value in amounts.items():
        setattr(order, name, value)
    result.changes += ["itens"] * lines_differ + ["valores"] * amounts_differ
    result.lines = plan if lines_differ else None


def _parts_write(
    followed: Mapping[int, FollowedOrder], incoming: Sequence[IncomingOrder], rules: Rules
) -> None:
    for model in (Buyer, DeliveryAddress):
        for part in parts_follow(model, incoming, rules):
            followed[part.order_id].changes.append(part_label(part))


def _orders_write(followed: Iterable[FollowedOrder], before: Snapshot) -> None:
    touched = [each.order for each in followed if each.changes or each.is_touched]
    for order in touched:
        order.updated_at = timezone.now()
    rows_update(touched, [*COLUMNS, "updated_at"], before=before)
    now = rows_values(touched, TERMS)
    channels.order_terms_changed(
        pk for pk, terms in now.items() if any(before[pk][name] != terms[name] for name in TERMS)
    )


def _lines_write(followed: Iterable[FollowedOrder]) -> list[int]:
    """Returns the ids of the lines that were taken away."""
    plans = [(each.order, each.lines) for each in followed if each.lines]
    removed = [line.pk for _, plan in plans for line in plan.removed]
    changed = [line for _, plan in plans for line in plan.changed]
    if removed:
        OrderLine.objects.filter(pk__in=removed).delete()
    rows_update(changed, LINE_FIELDS)
    OrderLine.objects.bulk_create(line_new(order, *added) for order, plan in plans for added in plan.added)
    return removed


def _is_reported(order: Order, mapped: MappedOrder) -> bool:
    """The amounts of `order` are the platform's, whatever the store wants of freight by now."""
    reported = (amounts_of(mapped, with_freight=choice) for choice in (True, False))
    return any(
        all(
            getattr(order, name) == value
            for name, value in amounts.items()
            if not mapped.unread.intersection(AMOUNTS[name])
        )
        for amounts in reported
    )
