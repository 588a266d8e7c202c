"""Reading drafts of notes from the database, a page of orders in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from erp import channels
from erp.accounts.models import Company
from erp.brazil.municipalities import city_code_find
from erp.catalog.models import Sku
from erp.sales.models import DeliveryAddress, Order, OrderLine, ShippingKind
from erp.sales.statuses import OrderStatus
from invoices.issuing.draft import Draft, DraftItem, DraftPlace, Emitter, Recipient
from invoices.models import Invoice

WAITS = ", que espera confirmação: abra-a e siga, ou diga que não é deste pedido"
SHIPPED = (OrderStatus.SHIPPED, OrderStatus.UNDELIVERED, OrderStatus.DELIVERED)


def drafts_read(order_ids: Sequence[int]) -> dict[int, Draft]:
    """The note each order would get, by order id; the caller has checked who may see them."""
    orders = (
        Order.objects.filter(pk__in=order_ids)
        .select_related("company", "store", "buyer", "address", "shipping_method", "carrier")
        .prefetch_related("lines__sku")
    )
    in_the_way = _invoices_in_the_way(order_ids)
    return {order.pk: _draft(order, in_the_way.get(order.pk, "")) for order in orders}


def _invoices_in_the_way(order_ids: Sequence[int]) -> dict[int | None, str]:
    """By order, the note it has or the one that waits for consent to become its note."""
    rows = Invoice.objects.claiming(order_ids).only("order_id", "wanted_order_id", "number", "series")
    return {
        row.order_id or row.wanted_order_id: str(row) if row.order_id else f"{row}{WAITS}"
        for row in rows.order_by("order_id")
    }


def _draft(order: Order, invoice: str) -> Draft:
    emitter, recipient = emitter_of(order.company), _recipient(order)
    interstate = emitter.place.state_code != recipient.place.state_code
    return Draft(
        order_id=order.pk,
        number=order.number,
        external_id=order.external_id,
        channel=channels.label(order.store.channel),
        store=order.store.name if order.store.channel else "",
        approved=OrderStatus(order.status).rank >= OrderStatus.APPROVED.rank,
        shipped=order.status in SHIPPED,
        frozen_reason=order.frozen_reason,
        invoice=invoice,
        emitter=emitter,
        recipient=recipient,
        items=tuple(_items(order.lines.all(), order.company, interstate)),
        freight=order.freight_total,
        discount=order.seller_discount + order.platform_discount,
        total=order.total,
        by_platform=_is_by_platform(order),
        carrier_name=order.carrier.name if order.carrier else "",
        carrier_tax_id=order.carrier.tax_id if order.carrier else "",
    )


def _is_by_platform(order: Order) -> bool:
    method = order.shipping_method
    return order.is_channel_shipped or (method is not None and method.kind == ShippingKind.MARKETPLACE)


def emitter_of(company: Company) -> Emitter:
    return Emitter(
        name=company.name,
        trade_name=company.trade_name,
        tax_id=company.tax_id,
        state_registration=company.state_registration,
        tax_regime=company.tax_regime,
        environment=company.fiscal_environment,
        place=_place(company),
        intermediary_tax_id=company.intermediary_tax_id,
    )


def _recipient(order: Order) -> Recipient:
    buyer, address = getattr(order, "buyer", None), getattr(order, "address", None)
    return Recipient(
        name=buyer.name if buyer else "",
        tax_id=buyer.tax_id if buyer else "",
        place=_place(address) if address else DraftPlace(),
        problem=address.problem if address else "Falta o endereço de entrega.",
    )


def _place(source: Company | DeliveryAddress) -> DraftPlace:
    return DraftPlace(
        street=source.street,
        number=source.number,
        complement=source.complement,
        district=source.district,
        city=source.city,
        city_code=source.city_code or city_code_find(source.city, source.state_code),
        state_code=source.state_code,
        postal_code=source.postal_code,
    )


def _items(lines: Iterable[OrderLine], company: Company, interstate: bool) -> Iterable[DraftItem]:
    for line in lines:
        sku: Sku = line.sku
        own, default = (
            (sku.cfop_interstate, company.default_cfop_interstate)
            if interstate
            else (sku.cfop, company.default_cfop)
        )
        yield DraftItem(
            product_id=sku.product_id,
            sku_id=sku.pk,
            code=sku.code,
            title=line.title,
            unit=sku.unit,
            gtin=sku.gtin,
            ncm=sku.ncm,
            cest=sku.cest,
            origin=sku.origin or company.default_origin,
            icms_code=sku.icms_code or company.default_icms_code,
            cfop=own or default,
            quantity=line.quantity,
            unit_price=line.unit_price,
        )
