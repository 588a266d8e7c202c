"""From rows of the ERP to wishes of the outbox, and the reasons why one cannot be wished.

Content is what tells equal from corrected: access key, carrier + code, `delivered` (design 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from erp.accounts.models import Store, User
from erp.channels import Outcome, RowResult
from erp.outbox.services import facts_request
from erp.outbox.statuses import Origin
from erp.outbox.wishes import FactResult, FactWish, RequestOutcome
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from expedition.models import Shipment, ShipmentStatus
from invoices.models import ISSUED, Invoice
from kwai_integration.models import CHANNEL_KEY
from kwai_integration.outbound.kinds import Kind

Row = TypeVar("Row", Invoice, Shipment)

NOT_ACTIVE = "A integração desta loja não está ativa. Ative-a em Integrações."

OUTCOMES = {
    RequestOutcome.QUEUED: (Outcome.QUEUED, "Na fila: o Kwai recebe em instantes."),
    RequestOutcome.REOPENED: (Outcome.QUEUED, "De volta à fila: o Kwai recebe em instantes."),
    RequestOutcome.ALREADY_QUEUED: (Outcome.ALREADY_QUEUED, "Já está na fila de envio."),
    RequestOutcome.ALREADY_DONE: (Outcome.ALREADY_DONE, "O Kwai já confirmou este envio."),
}


def own_invoices(ids: Sequence[int]) -> list[Invoice]:
    rows = Invoice.objects.filter(pk__in=ids, store__channel=CHANNEL_KEY)
    return list(rows.select_related("order", "store"))


def own_shipments(ids: Sequence[int]) -> list[Shipment]:
    return list(Shipment.objects.filter(pk__in=ids, store__channel=CHANNEL_KEY).for_screens())


def invoice_problem(invoice: Invoice) -> str:
    if invoice.order is None:
        return "A nota está sem pedido. Vincule-a ao pedido na página da nota."
    if invoice.status not in ISSUED:
        return "Só notas autorizadas são enviadas ao Kwai."
    return _order_problem(invoice.order, invoice.store)


def tracking_problem(shipment: Shipment) -> str:
    if shipment.status == ShipmentStatus.PENDING:
        return "Conclua o agrupamento (PLP ou coleta) antes de enviar o código."
    if shipment.status == ShipmentStatus.CANCELLED:
        return "A expedição está cancelada."
    if shipment.lacks_invoice:
        return "Falta a NF-e autorizada do pedido. Envie o XML em Notas Fiscais."
    if not shipment.tracking_code:
        return "Falta o código de rastreamento."
    if shipment.chosen_carrier is None:
        return "Falta a transportadora."
    return _order_problem(shipment.order, shipment.store)


def delivery_problem(shipment: Shipment) -> str:
    if shipment.status in (ShipmentStatus.PENDING, ShipmentStatus.CANCELLED):
        return "A expedição ainda não foi concluída."
    if problem := _order_problem(shipment.order, shipment.store):
        return problem
    if shipment.order.status not in (OrderStatus.SHIPPED, OrderStatus.UNDELIVERED, OrderStatus.DELIVERED):
        return "O Kwai ainda não confirmou o despacho. Envie antes o código de rastreio."
    return ""


def invoice_wish(invoice: Invoice, order: Order, *, again: bool = False) -> FactWish:
    return FactWish(
        store_id=order.store_id,
        kind=Kind.SEND_INVOICE,
        subject=order.external_id,
        content=invoice.access_key,
        payload={"invoice_id": invoice.pk, "order_id": order.pk},
        again=again,
    )


def tracking_wish(shipment: Shipment) -> FactWish:
    carrier = shipment.chosen_carrier
    return FactWish(
        store_id=shipment.store_id,
        kind=Kind.SEND_TRACKING,
        subject=shipment.order.external_id,
        content=f"{carrier.code if carrier else ''}:{shipment.tracking_code}",
        payload={"shipment_id": shipment.pk, "order_id": shipment.order_id},
    )


def delivery_wish(shipment: Shipment) -> FactWish:
    return FactWish(
        store_id=shipment.store_id,
        kind=Kind.CONFIRM_DELIVERY,
        subject=shipment.order.external_id,
        content="delivered",
        payload={"shipment_id": shipment.pk, "order_id": shipment.order_id},
    )


def invoices_request(
    invoices: Iterable[Invoice], *, user: User | None, origin: Origin, refused: Collection[int] = ()
) -> dict[int, RowResult]:
    """*Enviar dados da NFe*, per invoice id; notes of the orders in `refused` go again although Kwai
    confirmed them once."""

    def wish(invoice: Invoice) -> FactWish:
        return _linked_invoice_wish(invoice, again=invoice.order_id in refused)

    return _request(invoices, invoice_problem, wish, user, origin)


def trackings_request(
    shipments: Iterable[Shipment], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Enviar código de rastreio*, per shipment id. The NF-e goes first: its job is asked for too, and
    the steps keep the order."""
    rows = list(shipments)
    first = [
        invoice_wish(row.invoice, row.order) for row in rows if row.invoice and not tracking_problem(row)
    ]
    return _request(rows, tracking_problem, tracking_wish, user, origin, first)


def deliveries_request(
    shipments: Iterable[Shipment], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Marcar pedidos como entregue*, per shipment id."""
    return _request(shipments, delivery_problem, delivery_wish, user, origin)


def _request(
    rows: Iterable[Row],
    problem: Callable[[Row], str],
    wish: Callable[[Row], FactWish],
    user: User | None,
    origin: Origin,
    first: Sequence[FactWish] = (),
) -> dict[int, RowResult]:
    """Ask for what has no problem, in one call together with the wishes that go `first`."""
    problems = {row: problem(row) for row in rows}
    able: list[Row] = [row for row, reason in problems.items() if not reason]
    asked = facts_request(wishes=[*first, *map(wish, able)], requested_by=user, origin=origin)
    results = {row.pk: RowResult(row.pk, Outcome.REFUSED, reason) for row, reason in problems.items()}
    for row, answer in zip(able, asked[len(first) :], strict=True):
        results[row.pk] = _result(row.pk, answer)
    return results


def _linked_invoice_wish(invoice: Invoice, *, again: bool) -> FactWish:
    if invoice.order is None:
        raise ValueError("only a linked note can be sent")
    return invoice_wish(invoice, invoice.order, again=again)


def _order_problem(order: Order, store: Store | None) -> str:
    if store is None or not store.is_active:
        return NOT_ACTIVE
    if not order.external_id:
        return "Este pedido não veio do Kwai."
    return order.frozen_reason


def _result(row_id: int, answer: FactResult) -> RowResult:
    outcome, text = OUTCOMES[answer.outcome]
    return RowResult(row_id, outcome, text)
