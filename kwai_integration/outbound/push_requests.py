"""From rows of the ERP to requests of the outbox, and the reasons why one cannot be requested.

Content is what tells equal from corrected: access key, carrier + code, `delivered`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from django.db.models import Max

from erp.accounts.models import Store, User
from erp.channels import RowOutcome, RowResult, row_already, row_refused
from erp.outbox.clearance import kinds_held
from erp.outbox.models import PushJob
from erp.outbox.push_requests import FactRequest, FactResult, RequestOutcome
from erp.outbox.request import facts_request
from erp.outbox.statuses import JobState, Origin
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order, ShippedBy
from expedition.models import FormerCode, Shipment
from expedition.preconditions import concluded_problem, tracking_problem
from invoices.models import Invoice
from invoices.refusals import NOT_LINKED
from invoices.sending import sending_problem
from kwai_integration import refusals
from kwai_integration.client.writes import Write, is_arrived_by_content
from kwai_integration.models import CHANNEL_KEY, FORMER_FIELDS
from kwai_integration.outbound.dispatched import NO_OTHER, codes_sent, dispatch_text, is_sent_by_us
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.logistics import NOTHING_TO_SEND
from kwai_integration.outbound.permits import Roles, roles_for, write_problem

Row = TypeVar("Row", Invoice, Shipment)

HELD = "Na fila: nada sai antes que o primeiro envio deste tipo na loja seja conferido em Envios ao Kwai."
OUTCOMES = {
    RequestOutcome.QUEUED: (RowOutcome.QUEUED, "Na fila: o Kwai recebe em instantes."),
    RequestOutcome.REOPENED: (RowOutcome.QUEUED, "De volta à fila: o Kwai recebe em instantes."),
    RequestOutcome.ALREADY_QUEUED: (RowOutcome.ALREADY_QUEUED, "Já está na fila de envio."),
    RequestOutcome.ALREADY_DONE: (RowOutcome.ALREADY_DONE, "O Kwai já confirmou este envio."),
}


def own_invoices(ids: Sequence[int]) -> list[Invoice]:
    rows = Invoice.objects.filter(pk__in=ids, store__channel=CHANNEL_KEY)
    return list(rows.select_related("order", "store"))


def own_shipments(ids: Sequence[int]) -> list[Shipment]:
    rows = Shipment.objects.filter(pk__in=ids, store__channel=CHANNEL_KEY).for_screens()
    answers = [f"order__kwai_order__{name}" for name in FORMER_FIELDS]
    return list(rows.select_related("order__kwai_order").defer(*answers))


def invoice_problems(invoices: Sequence[Invoice]) -> dict[int, Refusal]:
    """Per note why it cannot be sent; a constant number of queries. `tracking_problems` and
    `delivery_problems` answer the same for shipments."""
    roles = roles_for([row.order for row in invoices if row.order is not None])
    return {row.pk: _invoice_problem(row, roles) for row in invoices}


def tracking_problems(shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    roles = roles_for([row.order for row in shipments])
    return {row.pk: _tracking_problem(row, roles) for row in shipments}


def delivery_problems(shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    roles = roles_for([row.order for row in shipments])
    ahead = _answers_outrun(shipments)
    return {row.pk: _delivery_problem(row, roles, is_outrun=row.pk in ahead) for row in shipments}


def _answers_outrun(shipments: Sequence[Shipment]) -> set[int]:
    """Shipments whose stored answer is older than the dispatch that Kwai has confirmed to us since: what it
    says of the situation is no news any more, and the push reads the order again anyhow."""
    done = PushJob.objects.filter(
        store_id__in={row.store_id for row in shipments},
        subject__in={row.order.external_id for row in shipments},
        kind=Kind.SEND_TRACKING,
        state=JobState.DONE,
    )
    ended = {
        (store_id, subject): at
        for store_id, subject, at in done.values_list("store_id", "subject").annotate(at=Max("finished_at"))
    }
    return {
        row.pk
        for row in shipments
        if (at := ended.get((row.store_id, row.order.external_id)))
        and (answer := getattr(row.order, "kwai_order", None))
        and answer.fetch_started_at < at
    }


def _invoice_problem(invoice: Invoice, roles: Roles) -> Refusal:
    if problem := sending_problem(invoice):
        return problem
    if invoice.order is None:
        return NOT_LINKED
    return order_problem(invoice.order, invoice.store) or write_problem(
        Write.UPLOAD_INVOICE, invoice.order, roles
    )


def _tracking_problem(shipment: Shipment, roles: Roles) -> Refusal:
    if shipment.is_channel_shipped:
        return NO_REFUSAL  # answered *já feito*: there is nothing to send
    if shipment.order.shipped_by == ShippedBy.UNKNOWN:
        return refusals.CHOOSE_SHIPPER
    if problem := tracking_problem(shipment) or order_problem(shipment.order, shipment.store):
        return problem
    if _kwai_holds(shipment, roles):
        return NO_REFUSAL
    return write_problem(Write.SHIP_ORDER, shipment.order, roles)


def _kwai_holds(shipment: Shipment, roles: Roles) -> bool:
    """Our code is on the order at Kwai already: asking again is answered *já feito*."""
    answer = getattr(shipment.order, "kwai_order", None)
    return is_arrived_by_content(
        roles[shipment.store_id].get(shipment.order.remote_status),
        same_number=answer is not None and answer.remote_tracking_code == shipment.tracking_code,
    )


def _delivery_problem(shipment: Shipment, roles: Roles, *, is_outrun: bool) -> Refusal:
    if problem := concluded_problem(shipment) or order_problem(shipment.order, shipment.store):
        return problem
    return NO_REFUSAL if is_outrun else write_problem(Write.CONFIRM_DELIVERY, shipment.order, roles)


def invoice_request(invoice: Invoice, order: Order, *, again: bool = False) -> FactRequest:
    return FactRequest(
        store_id=order.store_id,
        kind=Kind.SEND_INVOICE,
        subject=order.external_id,
        content=invoice.access_key,
        payload={"invoice_id": invoice.pk, "order_id": order.pk},
        again=again,
    )


def tracking_request(shipment: Shipment) -> FactRequest:
    carrier = shipment.chosen_carrier
    return FactRequest(
        store_id=shipment.store_id,
        kind=Kind.SEND_TRACKING,
        subject=shipment.order.external_id,
        content=f"{carrier.code if carrier else ''}:{shipment.tracking_code}",
        payload={"shipment_id": shipment.pk, "order_id": shipment.order_id},
    )


def delivery_request(shipment: Shipment) -> FactRequest:
    return FactRequest(
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

    def request(invoice: Invoice) -> FactRequest:
        return _linked_invoice_request(invoice, again=invoice.order_id in refused)

    rows = list(invoices)
    return _request(rows, invoice_problems(rows), request, user, origin)


def trackings_request(
    shipments: Iterable[Shipment], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Enviar código de rastreio*, per shipment id. The NF-e goes first: its job is asked for too, and
    the steps keep the order."""
    given = list(shipments)
    answered = _answered_trackings(given)
    rows = [row for row in given if row.pk not in answered]
    problems, roles = tracking_problems(rows), roles_for([row.order for row in rows])
    first = [
        invoice_request(row.invoice, row.order)
        for row in rows
        if row.invoice and not problems[row.pk] and not write_problem(Write.UPLOAD_INVOICE, row.order, roles)
    ]
    return answered | _request(rows, problems, tracking_request, user, origin, first)


def _answered_trackings(shipments: Sequence[Shipment]) -> dict[int, RowResult]:
    """Rows for which there is nothing to send: Kwai carries the parcel, or it holds the code that went out
    before another was typed here, and takes no second one."""
    carried = {row.pk: NOTHING_TO_SEND for row in shipments if row.is_channel_shipped}
    corrected = [row for row in shipments if row.former_code_is == FormerCode.SENT]
    sent = codes_sent([row.order for row in corrected]) if corrected else {}
    held = {
        row.pk: f"{dispatch_text(row.order, row.former_code, sent)} {NO_OTHER}"
        for row in corrected
        if is_sent_by_us(row.order, row.former_code, sent)
    }
    return {pk: row_already(pk, text) for pk, text in (carried | held).items()}


def deliveries_request(
    shipments: Iterable[Shipment], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Marcar pedidos como entregue*, per shipment id."""
    rows = list(shipments)
    return _request(rows, delivery_problems(rows), delivery_request, user, origin)


def _request(
    rows: Sequence[Row],
    problems: Mapping[int, Refusal],
    request: Callable[[Row], FactRequest],
    user: User | None,
    origin: Origin,
    first: Sequence[FactRequest] = (),
) -> dict[int, RowResult]:
    """Ask for what has no problem, in one call together with the requests that go `first`."""
    able: list[Row] = [row for row in rows if not problems[row.pk]]
    asked = facts_request(requests=[*first, *map(request, able)], requested_by=user, origin=origin)
    results = {row.pk: row_refused(row.pk, problems[row.pk]) for row in rows if problems[row.pk]}
    results.update(fact_rows([row.pk for row in able], asked[len(first) :]))
    return results


def _linked_invoice_request(invoice: Invoice, *, again: bool) -> FactRequest:
    if invoice.order is None:
        raise ValueError("only a linked note can be sent")
    return invoice_request(invoice, invoice.order, again=again)


def order_problem(order: Order, store: Store | None) -> Refusal:
    """Why nothing may be asked of Kwai for this order, whatever it is."""
    if store is None or not store.is_active:
        return refusals.NOT_ACTIVE
    if not order.external_id:
        return refusals.NOT_FROM_KWAI
    return order.frozen_reason


def fact_rows(ids: Sequence[int], answers: Sequence[FactResult]) -> dict[int, RowResult]:
    """What became of the requests for these rows, in their order, and whom they wait for; one query."""
    held = kinds_held({answer.request.store_id for answer in answers})
    return {
        row_id: _result(row_id, answer, is_held=(answer.request.store_id, answer.request.kind) in held)
        for row_id, answer in zip(ids, answers, strict=True)
    }


def _result(row_id: int, answer: FactResult, *, is_held: bool) -> RowResult:
    outcome, text = OUTCOMES[answer.outcome]
    if is_held and answer.outcome is not RequestOutcome.ALREADY_DONE:
        text = HELD
    return RowResult(row_id, outcome, text)
