"""From rows of the ERP to wishes of the outbox, and the reasons why one cannot be wished.

Content is what tells equal from corrected: access key, carrier + code, `delivered` (design 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from erp.accounts.models import Store, User
from erp.channels import Outcome, RowResult
from erp.outbox.services import facts_request
from erp.outbox.statuses import Origin
from erp.outbox.wishes import FactResult, FactWish, RequestOutcome
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from expedition.models import Shipment, ShipmentStatus
from invoices.models import ISSUED, Invoice
from kwai_integration.outbound.kinds import Kind

CHANNEL_KEY = "kwai"
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


def invoice_wish(invoice: Invoice, order: Order) -> FactWish:
    return FactWish(
        store_id=order.store_id,
        kind=Kind.SEND_INVOICE,
        subject=order.external_id,
        content=invoice.access_key,
        payload={"invoice_id": invoice.pk, "order_id": order.pk},
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
    invoices: Iterable[Invoice], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Enviar dados da NFe*, per invoice id."""
    rows = list(invoices)
    wanted = [row for row in rows if not invoice_problem(row)]
    asked = _ask([invoice_wish(row, row.order) for row in wanted if row.order], user, origin)
    return {row.pk: _refusal(row.pk, invoice_problem(row)) for row in rows} | {
        row.pk: _result(row.pk, answer) for row, answer in zip(wanted, asked, strict=True)
    }


def trackings_request(
    shipments: Iterable[Shipment], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Enviar código de rastreio*, per shipment id. The NF-e goes first: its job is asked for too, and
    the steps keep the order."""
    rows = list(shipments)
    wanted = [row for row in rows if not tracking_problem(row)]
    invoices = [invoice_wish(row.invoice, row.order) for row in wanted if row.invoice]
    asked = _ask([*invoices, *(tracking_wish(row) for row in wanted)], user, origin)
    return {row.pk: _refusal(row.pk, tracking_problem(row)) for row in rows} | {
        row.pk: _result(row.pk, answer) for row, answer in zip(wanted, asked[len(invoices) :], strict=True)
    }


def deliveries_request(
    shipments: Iterable[Shipment], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Marcar pedidos como entregue*, per shipment id."""
    rows = list(shipments)
    wanted = [row for row in rows if not delivery_problem(row)]
    asked = _ask([delivery_wish(row) for row in wanted], user, origin)
    return {row.pk: _refusal(row.pk, delivery_problem(row)) for row in rows} | {
        row.pk: _result(row.pk, answer) for row, answer in zip(wanted, asked, strict=True)
    }


def _ask(wishes: Sequence[FactWish], user: User | None, origin: Origin) -> list[FactResult]:
    return list(facts_request(wishes=wishes, requested_by=user, origin=origin))


def _order_problem(order: Order, store: Store | None) -> str:
    if store is None or not store.is_active:
        return NOT_ACTIVE
    if not order.external_id:
        return "Este pedido não veio do Kwai."
    return order.frozen_reason


def _refusal(row_id: int, problem: str) -> RowResult:
    return RowResult(row_id, Outcome.REFUSED, problem)


def _result(row_id: int, answer: FactResult) -> RowResult:
    outcome, text = OUTCOMES[answer.outcome]
    return RowResult(row_id, outcome, text)
