"""Mapped orders -> rows of `erp.sales`: created, or followed by the ownership rules (design 3.1, rule 7)."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils import timezone

from erp import channels
from erp.accounts.models import Counter, Store, User
from erp.brazil.documents import CNPJ
from erp.sales.models import (
    OPEN_LINES,
    UNREAD_LABELS,
    Buyer,
    DeliveryAddress,
    Order,
    OrderEvent,
    OrderLine,
    RefundStatus,
    ShippedBy,
    ShippingMethod,
)
from erp.sales.ownership import ADDRESS_FIELDS, BUYER_FIELDS
from erp.sales.services import EventDraft, order_events_append, orders_status_set
from erp.sales.shippers import method_fits
from erp.sales.statuses import OrderStatus
from erp.sales.stock import orders_stock_free, orders_stock_reserve
from erp.stock.ledger import warehouses_lock
from erp.stock.services import lines_shipped_out
from expedition.models import Package, Shipment
from invoices.models import ISSUED, Invoice
from kwai_integration.client.codes import SHIPPED_ROLES, KwaiRole
from kwai_integration.inbound.closing import orders_close
from kwai_integration.inbound.refunds import COLUMNS as REFUND_FIELDS
from kwai_integration.inbound.refunds import Listed, refund_events, refund_take, refunds_listed
from kwai_integration.mapping.orders import MappedLine, MappedOrder
from kwai_integration.mapping.people import name_format
from kwai_integration.models import KwaiOrder, KwaiSettings, PaymentMapping, ShippingMapping, StatusMapping
from kwai_integration.outbound.automation import arrangements_by_rule, orders_released
from kwai_integration.outbound.badges import LINES_KEPT
from kwai_integration.outbound.dispatched import codes_sent, dispatch_text, is_sent_by_us
from kwai_integration.outbound.following import (
    arrangeable,
    arrivals_follow,
    arrived,
    parcels_follow,
    shipper_follow,
)
from kwai_integration.outbound.logistics import shipper_of
from kwai_integration.situations import roles_from, situations

UNMAPPED = "unmapped"
SHIPPED_ELSEWHERE = "shipped_elsewhere"

# Platform-owned columns of an order that follow the answer, with the word the timeline uses.
FOLLOWED = {
    "remote_status": "situação no Kwai",
    "paid_at": "pagamento",
    "ship_by_at": "prazo de envio",
    "hold_reason": "retenção",
    "buyer_note": "observação do comprador",
}
# Chosen by a mapping while nobody has chosen yet.
CHOSEN = ("shipping_method", "carrier", "payment_method")
NAMES = ("name", "recipient")
# Columns of amounts, with the fields of the answer each is made of.
AMOUNTS = {
    "items_total": ("lines",),
    "freight_total": ("freight",),
    "seller_discount": ("seller_discount",),
    "platform_discount": ("platform_discount",),
    "total": ("total",),
}
CLOSED_FIELDS = ("closed_at", "handover_unclear")
UNREAD_EVENT = "kwai.unread"
LINKS, EMPTIED = OPEN_LINES
OPEN_LINES_OVER = {
    LINKS: "Todos os itens do pedido têm vínculo.",
    EMPTIED: "O pedido voltou a ter itens no Kwai.",
}
LINE_FIELDS = ("title", "specification", "quantity", "unit_price")


@dataclass
class IncomingOrder:
    """One order on its way in: the staged row, what its answer says, and the SKU of each line.

    `sku_ids` is None while a line has no SKU: then an existing order keeps its lines. `waits` tells that one
    has none, in this answer or in the last one whose lines could be read.
    """

    row: KwaiOrder
    mapped: MappedOrder = field(repr=False)
    sku_ids: list[int] | None
    waits: bool = False

    @property
    def open_parts(self) -> list[str]:
        """What the order cannot take over from this answer; see `Order.unread_parts`."""
        parts = list(self.mapped.unread_parts)
        if self.waits:
            parts.append(LINKS)
        elif not self.mapped.lines and "lines" not in self.mapped.unread:
            parts.append(EMPTIED)
        return parts

    @property
    def store(self) -> Store:
        return self.row.store


@dataclass
class Rules:
    """What the stores of a batch have decided, read once."""

    situations: Mapping[tuple[int, str], OrderStatus]
    shippings: Mapping[tuple[int, str], ShippingMethod]
    payments: Mapping[tuple[int, str], int]
    options: Mapping[int, KwaiSettings]
    roles: Mapping[int, Mapping[str, KwaiRole]]

    def role(self, store_id: int, remote_status: str) -> KwaiRole | None:
        """What a remote code means in a store; None when nobody has said it."""
        return self.roles[store_id].get(remote_status)

    def situation(self, store_id: int, remote_status: str) -> OrderStatus | None:
        """The ERP situation for a remote code, None when it is *não mapeada*."""
        return self.situations.get((store_id, remote_status))

    def shipping(self, store_id: int, mapped: MappedOrder, shipped_by: str) -> ShippingMethod | None:
        """The *forma de envio* of the closest code that is mapped to one that fits who carries the order."""
        found = (self.shippings.get((store_id, code)) for code in mapped.shipping_codes)
        return next((method for method in found if method and method_fits(method.kind, shipped_by)), None)

    def shipper(self, store_id: int, mapped: MappedOrder) -> ShippedBy:
        """Who carries a new order; the store's default where the answer does not say."""
        reported = shipper_of(mapped.shipping_type)
        options = self.options.get(store_id)
        return (
            reported
            if reported is not ShippedBy.UNKNOWN or options is None
            else ShippedBy(options.unknown_shipping)
        )

    def payment_id(self, store_id: int, mapped: MappedOrder) -> int | None:
        """The *forma de recebimento* of the order's main payment."""
        return self.payments.get((store_id, mapped.payment_code))

    @property
    def warehouses(self) -> dict[int, int | None]:
        """Where the orders of each store reserve; None for the company's default."""
        return {store_id: options.warehouse_id for store_id, options in self.options.items()}

    def is_on(self, option: str, store_id: int, *, default: bool = False) -> bool:
        """An option of `KwaiSettings` by name."""
        options = self.options.get(store_id)
        return default if options is None else bool(getattr(options, option))

    def amounts(self, entry: IncomingOrder) -> dict[str, int]:
        """Amounts of the sales order, with or without freight as the store wants them; those that could not
        be read are missing."""
        with_freight = self.is_on("import_freight", entry.row.store_id, default=True)
        found, unread = _amounts(entry.mapped, with_freight=with_freight), entry.mapped.unread
        return {name: value for name, value in found.items() if not unread.intersection(AMOUNTS[name])}

    def shown(self, entry: IncomingOrder, values: Mapping[str, str]) -> dict[str, str]:
        """Values of a buyer or address as the store wants names written. A company's name stays as it is
        registered: LTDA and ME are no words to put in order."""
        is_company = entry.mapped.buyer.tax_id_kind == CNPJ
        if is_company or not self.is_on("format_names", entry.row.store_id):
            return dict(values)
        return {name: name_format(value) if name in NAMES else value for name, value in values.items()}


def _amounts(mapped: MappedOrder, *, with_freight: bool) -> dict[str, int]:
    """Without *importar valor do frete* the freight, which the platform keeps, counts neither by itself nor
    in the total."""
    return {
        "items_total": mapped.items_total,
        "freight_total": mapped.freight if with_freight else 0,
        "seller_discount": mapped.seller_discount,
        "platform_discount": mapped.platform_discount,
        "total": mapped.total if with_freight else max(mapped.total - mapped.freight, 0),
    }


def rules_read(store_ids: Collection[int]) -> Rules:
    mappings = list(StatusMapping.objects.filter(store_id__in=store_ids))
    shippings = ShippingMapping.objects.filter(store_id__in=store_ids).select_related("shipping_method")
    payments = PaymentMapping.objects.filter(store_id__in=store_ids)
    return Rules(
        situations={(row.store_id, row.remote_code): OrderStatus(row.status) for row in mappings},
        shippings={(row.store_id, row.remote_code): row.shipping_method for row in shippings},
        payments={(row.store_id, row.remote_code): row.payment_method_id for row in payments},
        options=KwaiSettings.objects.in_bulk(list(store_ids)),
        roles=roles_from(mappings, store_ids),
    )


def orders_create(incoming: Sequence[IncomingOrder], rules: Rules, actor: User | None) -> list[Order]:
    """Create one order for each of `incoming`, in their order; every line has its SKU."""
    # Before the counter: who follows orders and creates others takes the two locks in this order too.
    warehouses_lock({entry.store.company_id for entry in incoming})
    numbers = _numbers_take(incoming)
    new = [_order_new(entry, rules, next(numbers[entry.store.company_id])) for entry in incoming]
    listed = _refunds(incoming)
    refunded = [
        order
        for order, entry in zip(new, incoming, strict=True)
        if refund_take(order, entry.row, listed[entry.row.store_id, entry.row.external_id])
    ]
    orders = Order.objects.bulk_create(new)
    pairs = list(zip(orders, incoming, strict=True))
    OrderLine.objects.bulk_create([line for order, entry in pairs for line in _lines_new(order, entry)])
    Buyer.objects.bulk_create(
        [_part_new(Buyer, order, entry, buyer_values(entry.mapped), rules) for order, entry in pairs]
    )
    DeliveryAddress.objects.bulk_create(
        [
            _part_new(DeliveryAddress, order, entry, address_values(entry.mapped), rules)
            for order, entry in pairs
        ]
    )
    drafts = [_event_new(order, entry, rules) for order, entry in pairs]
    order_events_append(drafts=[*drafts, *refund_events(refunded)], actor=actor)
    orders_stock_reserve(order_ids=[order.pk for order in orders], warehouses=rules.warehouses, actor=actor)
    channels.order_status_changed(order.pk for order in orders)
    return orders


def _refunds(incoming: Iterable[IncomingOrder]) -> Listed:
    rows = [entry.row for entry in incoming]
    return refunds_listed({row.store_id for row in rows}, {row.external_id for row in rows})


def orders_follow(
    incoming: Sequence[IncomingOrder], rules: Rules, actor: User | None, *, again: bool = False
) -> dict[int, bool]:
    """Let existing orders follow their platform's answer; order id -> did anything change.

    A constant number of statements, and none that writes when nothing changed. `again`: old answers are
    only judged anew, so nothing is asked to be sent and nothing moves backwards.
    """
    if not incoming:
        return {}
    ids = [entry.row.order_id for entry in incoming if entry.row.order_id]
    rows = Order.objects.filter(pk__in=ids).select_related("shipping_method").lock_for_update()
    orders = {order.pk: order for order in rows}
    batch = _Following(orders, set(_invoiced_ids(orders.values())), _refunds(incoming))
    batch.lines_read()
    for entry in incoming:
        batch.follow(orders[entry.row.order_id or 0], entry, rules)
    batch.parts_follow(Buyer, incoming, buyer_values, "comprador", rules)
    batch.parts_follow(DeliveryAddress, incoming, address_values, "endereço de entrega", rules)
    batch.shipped_elsewhere(incoming)
    batch.write(actor)
    orders_stock_reserve(
        order_ids=batch.lines_touched | batch.reopened,
        warehouses=rules.warehouses,
        removed_line_ids=batch.removed_ids,
        actor=actor,
    )
    moved = situations_apply(incoming, rules, actor, monotonic=again)
    followed = [(orders[entry.row.order_id or 0], entry.mapped) for entry in incoming]
    parcels_follow(followed, batch.shippers_changed)
    arrivals_follow(arrived(followed, rules.roles))
    if not again:
        orders_released(batch.released)
        arrangements_by_rule(arrangeable(followed, rules.roles))
    touched = batch.touched | moved
    return {order_id: bool(batch.changes[order_id]) or order_id in touched for order_id in orders}


def situations_apply(
    incoming: Sequence[IncomingOrder], rules: Rules, actor: User | None, *, monotonic: bool = False
) -> set[int]:
    """Move orders to the ERP situation of their remote code; the ids of those that moved."""
    reported = [
        (entry.row.order_id, entry.row.store_id, entry.mapped.remote_status)
        for entry in incoming
        if entry.row.order_id
    ]
    moved = situations_set(reported, rules, actor, monotonic=monotonic)
    _cancelled_at_write(incoming, moved)
    return moved


def situations_set(
    reported: Iterable[tuple[int, int, str]], rules: Rules, actor: User | None, *, monotonic: bool = False
) -> set[int]:
    """Order id, store id and remote code -> the ids that moved. Monotonic unless the store allows going
    back; a code nobody mapped moves nothing, nor does the closing of an order whose parcel has left. Call
    inside a transaction."""
    reported = list(reported)
    closed = [
        order_id for order_id, store_id, code in reported if rules.role(store_id, code) is KwaiRole.CLOSED
    ]
    closing = orders_close(closed, actor=actor)
    wanted: dict[bool, dict[int, OrderStatus]] = {False: {}, True: {}}
    for order_id, store_id, remote_status in reported:
        status = rules.situation(store_id, remote_status)
        if status is not None and order_id not in closing.kept:
            backwards = not monotonic and rules.is_on("allow_backwards", store_id)
            wanted[backwards][order_id] = status
    cancelled = _cancelled(wanted[True])
    moved: set[int] = set()
    for backwards, targets in wanted.items():
        if targets:
            moved |= orders_status_set(
                wanted=targets,
                actor=actor,
                reason="informada pelo Kwai",
                backwards=backwards,
                # Closed before it was handed over: what had left the balance for it never left the house.
                goods_stay=closed,
            )
    orders_stock_free(order_ids=closing.at_home, actor=actor)
    # Back from a cancellation, an order wants its goods again.
    if back := moved & cancelled:
        orders_stock_reserve(order_ids=back, warehouses=rules.warehouses, actor=actor)
    return moved


def _cancelled(order_ids: Collection[int]) -> set[int]:
    """Those of these orders that are cancelled; all of them are locked, so that it stays true."""
    if not order_ids:
        return set()
    orders = Order.objects.filter(pk__in=order_ids).lock_for_update().values_list("pk", "status")
    return {pk for pk, status in orders if status == OrderStatus.CANCELLED}


def buyer_values(mapped: MappedOrder) -> dict[str, str]:
    return {name: getattr(mapped.buyer, name) for name in BUYER_FIELDS}


def address_values(mapped: MappedOrder) -> dict[str, str]:
    stated = {name: getattr(mapped.address, name) for name in ADDRESS_FIELDS if name != "problem"}
    return {**stated, "problem": mapped.address.incomplete_reason[:200]}


def _order_new(entry: IncomingOrder, rules: Rules, number: int) -> Order:
    mapped, store = entry.mapped, entry.store
    status = rules.situation(store.pk, mapped.remote_status) or OrderStatus.OPEN
    shipped_by = rules.shipper(store.pk, mapped)
    method = rules.shipping(store.pk, mapped, shipped_by)
    closed = rules.role(store.pk, mapped.remote_status) is KwaiRole.CLOSED
    return Order(
        company_id=store.company_id,
        store=store,
        number=number,
        external_id=mapped.external_id,
        status=status,
        placed_at=mapped.placed_at or entry.row.fetch_started_at,
        cancelled_at=_cancelled_at(mapped) if status == OrderStatus.CANCELLED else None,
        shipped_by=shipped_by,
        shipping_method=method,
        carrier_id=method.carrier_id if method else None,
        payment_method_id=rules.payment_id(store.pk, mapped),
        refund_status=RefundStatus.UNKNOWN if "refund_status" in mapped.unread else RefundStatus.NONE,
        closed_at=timezone.now() if closed else None,
        unread_parts=entry.open_parts,
        **_followed(mapped),
        **_amounts(mapped, with_freight=rules.is_on("import_freight", store.pk, default=True)),
    )


def _followed(mapped: MappedOrder) -> dict[str, Any]:
    """What the answer says of the followed columns; of those it could not be read for, nothing."""
    return {name: getattr(mapped, name) for name in FOLLOWED if name not in mapped.unread}


def _cancelled_at(mapped: MappedOrder) -> Any:
    return mapped.cancelled_at or timezone.now()


def _cancelled_at_write(incoming: Iterable[IncomingOrder], moved: set[int]) -> None:
    """The platform knows when it cancelled; our own clock only says when we heard."""
    reported = {
        entry.row.order_id: entry.mapped.cancelled_at
        for entry in incoming
        if entry.row.order_id in moved and entry.mapped.cancelled_at
    }
    if reported:
        orders = list(Order.objects.filter(pk__in=reported, status=OrderStatus.CANCELLED))
        for order in orders:
            order.cancelled_at = reported[order.pk]
        Order.objects.bulk_update(orders, ["cancelled_at"])


def _lines_new(order: Order, entry: IncomingOrder) -> list[OrderLine]:
    linked = zip(entry.mapped.lines, entry.sku_ids or [], strict=True)
    return [_line_new(order, position, line, sku_id) for position, (line, sku_id) in enumerate(linked, 1)]


def _line_new(order: Order, position: int, line: MappedLine, sku_id: int) -> OrderLine:
    return OrderLine(
        order=order,
        position=position,
        sku_id=sku_id,
        external_item_id=line.item_id,
        external_sku_id=line.sku_id,
        **{name: getattr(line, name) for name in LINE_FIELDS},
    )


def _part_new(
    model: type[Any], order: Order, entry: IncomingOrder, values: dict[str, str], rules: Rules
) -> Any:
    return model(order=order, platform_values=values, **rules.shown(entry, values))


def _event_new(order: Order, entry: IncomingOrder, rules: Rules) -> EventDraft:
    remote = entry.mapped.remote_status
    if rules.situation(entry.store.pk, remote) is None:
        return _unmapped_event(order, remote, f"Pedido {entry.mapped.external_id} recebido do Kwai. ")
    text = (
        f"Pedido {entry.mapped.external_id} recebido do Kwai: "
        f"{situations().label(remote)} → {OrderStatus(order.status).label}"
    )
    return EventDraft(order.pk, "received", text, data={"remote_status": remote})


def _unmapped_event(order: Order, remote: str, before: str = "") -> EventDraft:
    text = (
        f"{before}A situação {remote} do Kwai não está mapeada e a situação daqui não foi mudada. Diga em "
        "Integrações › Mapeamentos o que ela significa; o pedido segue sozinho, e até lá nada é enviado."
    )
    link = reverse("kwai:store_step", args=[order.store_id, "mapeamentos"])
    return EventDraft(order.pk, UNMAPPED, text, link=f"{link}#situation", data={"remote_status": remote})


def _numbers_take(incoming: Sequence[IncomingOrder]) -> dict[int, Any]:
    wanted: dict[int, int] = defaultdict(int)
    for entry in incoming:
        wanted[entry.store.company_id] += 1
    return {
        company_id: iter(Counter.objects.take(company_id=company_id, name="order", count=count))
        for company_id, count in sorted(wanted.items())
    }


def _invoiced_ids(orders: Iterable[Order]) -> Iterable[int]:
    """Orders whose lines a note has fixed."""
    ids = [order.pk for order in orders]
    noted = Invoice.objects.filter(order_id__in=ids, status__in=ISSUED)
    return noted.values_list("order_id", flat=True)


class _Following:
    """Orders of one batch while they take over what their answers say."""

    def __init__(
        self,
        orders: Mapping[int, Order],
        invoiced: Collection[int],
        refunds: Listed,
    ) -> None:
        self.orders = orders
        self.refunds = refunds
        # Orders whose lines stay as they are: a note names them, or their goods have left.
        self.fixed = set(invoiced)
        self.changes: dict[int, list[str]] = {order_id: [] for order_id in orders}
        # Changed without a word in `changes`: the timeline has a line of their own for it.
        self.touched: set[int] = set()
        self.lines: dict[int, list[OrderLine]] = {order_id: [] for order_id in orders}
        self.lines_changed: list[OrderLine] = []
        self.lines_added: list[OrderLine] = []
        self.removed_ids: list[int] = []
        self.lines_touched: set[int] = set()
        self.parts_changed: dict[type[Any], list[Any]] = {}
        self.drafts: list[EventDraft] = []
        self.released: list[int] = []
        self.reopened: set[int] = set()
        self.shippers_changed: list[int] = []
        # Said once for the same content, however often the answer changes in other ways.
        self.remarks: list[EventDraft] = []

    def lines_read(self) -> None:
        for line in OrderLine.objects.filter(order_id__in=self.orders).order_by("order_id", "position"):
            self.lines[line.order_id].append(line)
        lines = {line.pk: order_id for order_id, own in self.lines.items() for line in own}
        self.fixed |= {lines[line_id] for line_id in lines_shipped_out(lines)}

    def follow(self, order: Order, entry: IncomingOrder, rules: Rules) -> None:
        changes = _followed(entry.mapped)
        reported = [name for name, value in changes.items() if getattr(order, name) != value]
        for name in reported:
            setattr(order, name, changes[name])
        self.changes[order.pk] += [FOLLOWED[name] for name in reported]
        was_frozen = bool(order.frozen_reason)
        self.refund_follow(order, entry.row)
        self.closing_follow(order, entry.mapped, rules)
        self.unread_follow(order, entry.open_parts)
        if "hold_reason" in reported:
            self.drafts.append(_hold_event(order))
        if (was_frozen or "hold_reason" in reported) and not order.frozen_reason:
            self.released.append(order.pk)
        if "remote_status" in reported and rules.situation(order.store_id, order.remote_status) is None:
            self.drafts.append(_unmapped_event(order, order.remote_status))
        if shipper_follow(order, entry.mapped):
            self.changes[order.pk].append("quem envia")
            self.shippers_changed.append(order.pk)
        self.choose(order, entry, rules)
        if entry.sku_ids is not None or entry.waits or "lines" in entry.mapped.unread:
            self.content_follow(order, entry, rules)

    def refund_follow(self, order: Order, row: KwaiOrder) -> None:
        before = [getattr(order, name) for name in REFUND_FIELDS]
        if refund_take(order, row, self.refunds[row.store_id, row.external_id]):
            self.drafts += refund_events([order])
        if before != [getattr(order, name) for name in REFUND_FIELDS]:
            self.touched.add(order.pk)

    def closing_follow(self, order: Order, mapped: MappedOrder, rules: Rules) -> None:
        """A closed order that the platform opens again moves on; closing itself is `closing.orders_close`."""
        role = rules.role(order.store_id, order.remote_status)
        if order.closed_at is not None and role not in (None, KwaiRole.CLOSED):
            order.closed_at, order.handover_unclear = None, False
            self.touched.add(order.pk)
            self.reopened.add(order.pk)

    def unread_follow(self, order: Order, parts: list[str]) -> None:
        if parts == order.unread_parts:
            return
        text = _unread_text(parts, order.unread_parts)
        order.unread_parts = parts
        self.touched.add(order.pk)
        self.drafts.append(EventDraft(order.pk, UNREAD_EVENT, text, data={"parts": parts}))

    def choose(self, order: Order, entry: IncomingOrder, rules: Rules) -> None:
        """Ways of shipping and of payment that a mapping knows by now, where nobody has chosen any."""
        method = rules.shipping(order.store_id, entry.mapped, order.shipped_by)
        payment_id = rules.payment_id(order.store_id, entry.mapped)
        if method and order.shipping_method_id is None and order.carrier_id is None:
            order.shipping_method, order.carrier_id = method, method.carrier_id
            self.changes[order.pk].append("forma de envio (mapeamento)")
        if payment_id and order.payment_method_id is None:
            order.payment_method_id = payment_id
            self.changes[order.pk].append("forma de recebimento (mapeamento)")

    def content_follow(self, order: Order, entry: IncomingOrder, rules: Rules) -> None:
        """Lines and amounts follow together, or not at all: a note or the stock has settled both. Lines that
        cannot be read or linked stay, and hold no amount back."""
        plan = _LinePlan(self.lines[order.pk], entry) if entry.sku_ids is not None else None
        differs = plan is not None and plan.differs
        amounts = rules.amounts(entry)
        amounts_differ = any(getattr(order, name) != value for name, value in amounts.items())
        if not differs and not amounts_differ:
            return
        if order.pk in self.fixed:
            if differs or not _is_reported(order, entry.mapped):
                self.remarks.append(_kept_remark(order.pk, entry.mapped, amounts))
            return
        for name, value in amounts.items():
            setattr(order, name, value)
        self.changes[order.pk] += ["itens"] * differs + ["valores"] * amounts_differ
        if plan is None:
            return
        self.lines_changed += plan.changed
        self.lines_added += [
            _line_new(order, position, line, sku_id) for position, line, sku_id in plan.added
        ]
        self.removed_ids += [line.pk for line in plan.removed]
        if plan.differs:
            self.lines_touched.add(order.pk)

    def parts_follow(
        self, model: type[Any], incoming: Sequence[IncomingOrder], values_of: Any, label: str, rules: Rules
    ) -> None:
        parts = {part.order_id: part for part in model.objects.filter(order_id__in=self.orders)}
        changed = self.parts_changed.setdefault(model, [])
        for entry in incoming:
            if "address" in entry.mapped.unread:
                continue
            part, values = parts[entry.row.order_id], values_of(entry.mapped)
            hidden = _tells_nothing(_part_source(model, entry.mapped), values)
            if part.platform_values == values or (hidden and any(part.platform_values.values())):
                continue
            _part_take(part, values, rules.shown(entry, values))
            changed.append(part)
            self.changes[part.order_id].append(f"{label} (aguarda sua decisão)" if part.proposal else label)

    def shipped_elsewhere(self, incoming: Sequence[IncomingOrder]) -> None:
        """The platform has the parcel on its way under a number that is not ours."""
        removed = [
            entry
            for entry in incoming
            if entry.mapped.role in SHIPPED_ROLES
            and entry.mapped.tracking_code
            and not self.orders[entry.row.order_id or 0].is_channel_shipped
        ]
        codes = _own_codes([entry.row.order_id or 0 for entry in removed]) if removed else {}
        sent = codes_sent([self.orders[entry.row.order_id or 0] for entry in removed]) if removed else {}
        for entry in removed:
            order_id, code = entry.row.order_id or 0, entry.mapped.tracking_code
            order = self.orders[order_id]
            if code not in codes.get(order_id, ()) and not is_sent_by_us(order, code, sent):
                text = dispatch_text(order, code, sent)
                self.remarks.append(EventDraft(order_id, SHIPPED_ELSEWHERE, text, data={"code": code}))

    def write(self, actor: User | None) -> None:
        touched = [
            self.orders[order_id]
            for order_id, labels in self.changes.items()
            if labels or order_id in self.touched
        ]
        if touched:
            for order in touched:
                order.updated_at = timezone.now()
            columns = [
                "shipped_by",
                *FOLLOWED,
                *REFUND_FIELDS,
                *CLOSED_FIELDS,
                "unread_parts",
                *AMOUNTS,
                *CHOSEN,
            ]
            Order.objects.bulk_update(touched, [*columns, "updated_at"])
        self.lines_write()
        for model, parts in self.parts_changed.items():
            if parts:
                names = BUYER_FIELDS if model is Buyer else ADDRESS_FIELDS
                model.objects.bulk_update(parts, [*names, "platform_values", "proposal"])
        drafts = [*self.drafts, *_changed_events(self.changes), *_unsaid(self.remarks)]
        if drafts:
            order_events_append(drafts=drafts, actor=actor)

    def lines_write(self) -> None:
        if self.removed_ids:
            OrderLine.objects.filter(pk__in=self.removed_ids).delete()
        if self.lines_changed:
            OrderLine.objects.bulk_update(self.lines_changed, LINE_FIELDS)
        OrderLine.objects.bulk_create(self.lines_added)


def _is_reported(order: Order, mapped: MappedOrder) -> bool:
    """The amounts of `order` are the platform's, whatever the store wants of freight by now."""
    reported = (_amounts(mapped, with_freight=choice) for choice in (True, False))
    return any(
        all(
            getattr(order, name) == value
            for name, value in amounts.items()
            if not mapped.unread.intersection(AMOUNTS[name])
        )
        for amounts in reported
    )


class _LinePlan:
    """How the lines of one order become those of the answer.

    A line that stays keeps its row and its position, because stock reservations name the row, and keeps
    the SKU it was linked to, because the link is ours and not the platform's.
    """

    def __init__(self, lines: Sequence[OrderLine], entry: IncomingOrder) -> None:
        self.changed: list[OrderLine] = []
        self.added: list[tuple[int, MappedLine, int]] = []
        self.keeps_texts = "line_details" in entry.mapped.unread
        left: dict[tuple[str, str], list[OrderLine]] = defaultdict(list)
        for line in lines:
            left[line.external_item_id, line.external_sku_id].append(line)
        unmatched: list[tuple[MappedLine, int]] = []
        for changes, sku_id in zip(entry.mapped.lines, entry.sku_ids or [], strict=True):
            if same := left[changes.item_id, changes.sku_id]:
                self._take(same.pop(0), changes)
            else:
                unmatched.append((changes, sku_id))
        rest = [line for lines in left.values() for line in lines]
        position = max((line.position for line in lines), default=0)
        for changes, sku_id in unmatched:
            known = next((line for line in rest if _may_be(line, changes, sku_id)), None)
            if known is None:
                position += 1
                self.added.append((position, changes, sku_id))
            else:
                rest.remove(known)
                self._take(known, changes)
        self.removed = rest

    def _take(self, line: OrderLine, changes: MappedLine) -> None:
        reported = [name for name in LINE_FIELDS if not self.keeps_texts or getattr(changes, name) != ""]
        if all(getattr(line, name) == getattr(changes, name) for name in reported):
            return
        for name in reported:
            setattr(line, name, getattr(changes, name))
        self.changed.append(line)

    @property
    def differs(self) -> bool:
        return bool(self.changed or self.added or self.removed)


def _may_be(line: OrderLine, changes: MappedLine, sku_id: int) -> bool:
    """An answer that leaves out an id of a line still means the line with the same SKU."""
    has_gap = not changes.item_id or not changes.sku_id
    return (
        has_gap
        and line.sku_id == sku_id
        and changes.item_id in ("", line.external_item_id)
        and changes.sku_id in ("", line.external_sku_id)
    )


def _part_source(model: type[Any], mapped: MappedOrder) -> Any:
    return mapped.buyer if model is Buyer else mapped.address


def _tells_nothing(source: Any, values: Mapping[str, str]) -> bool:
    """The platform hides or withdraws personal data after a while; that is no reason to forget it."""
    stated = [value for name, value in values.items() if name != "problem"]
    return source.masked or not any(stated)


def _part_take(part: Any, values: dict[str, str], shown: dict[str, str]) -> None:
    """Compared by what the platform said, written as the store wants names."""
    part.platform_values = values
    if part.edited_at is None:
        for name, value in shown.items():
            setattr(part, name, value)
        return
    differs = any(getattr(part, name) != value for name, value in shown.items())
    part.proposal = shown if differs else None


def _hold_event(order: Order) -> EventDraft:
    text = (
        f"O Kwai pede para segurar o pedido: {order.hold_reason}"
        if order.hold_reason
        else "O Kwai liberou o pedido que estava retido."
    )
    return EventDraft(order.pk, "hold", text)


def _unread_text(parts: Sequence[str], before: Sequence[str]) -> str:
    said: list[str] = [OPEN_LINES[part] for part in parts if part in OPEN_LINES and part not in before]
    said += [text for part, text in OPEN_LINES_OVER.items() if part in before and part not in parts]
    labels, known = (
        ", ".join(UNREAD_LABELS.get(part, part) for part in listed if part not in OPEN_LINES)
        for listed in (parts, before)
    )
    if labels and labels != known:
        said.append(
            f"Parte da última resposta do Kwai não pôde ser lida: {labels}. Vale o que já estava aqui; "
            "confira o pedido no Kwai."
        )
    elif known and not labels:
        said.append("A resposta do Kwai voltou a ser lida por inteiro.")
    return " ".join(said)[:500]


def _changed_events(changes: Mapping[int, Sequence[str]]) -> list[EventDraft]:
    return [
        EventDraft(order_id, "platform_change", f"Atualizado pelo Kwai: {', '.join(labels)}.")
        for order_id, labels in changes.items()
        if labels
    ]


def _kept_remark(order_id: int, mapped: MappedOrder, amounts: Mapping[str, int]) -> EventDraft:
    content = json.dumps([amounts, [[getattr(line, name) for name in LINE_FIELDS] for line in mapped.lines]])
    return EventDraft(
        order_id,
        LINES_KEPT,
        "O Kwai mudou itens ou valores depois da nota fiscal ou da saída do estoque; os daqui foram "
        "mantidos. Confira o pedido no Kwai antes de enviar.",
        data={"content": hashlib.sha256(content.encode()).hexdigest()},
    )


def _unsaid(remarks: Sequence[EventDraft]) -> list[EventDraft]:
    if not remarks:
        return []
    said = OrderEvent.objects.filter(
        order_id__in=[draft.order_id for draft in remarks], kind__in={draft.kind for draft in remarks}
    ).values_list("order_id", "kind", "data")
    known = {(order_id, kind, json.dumps(data)) for order_id, kind, data in said}
    return [draft for draft in remarks if (draft.order_id, draft.kind, json.dumps(draft.data)) not in known]


def _own_codes(order_ids: Sequence[int]) -> dict[int, set[str]]:
    codes: dict[int, set[str]] = defaultdict(set)
    packages = Package.objects.filter(shipment__in=Shipment.objects.active().filter(order_id__in=order_ids))
    for order_id, code in packages.values_list("shipment__order_id", "tracking_code"):
        codes[order_id].add(code)
    return codes
