"""*Primeiro envio acompanhado* (setting `KWAI_CONFIRM_FIRST_PUSH`): what the first push of each kind will
send, and what reading the order back says about it. The engine's part is `erp.outbox.clearance`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from erp.brazil.money import money_format
from erp.outbox.clearance import Compared, Followed, PreviewField, PushPreview
from erp.outbox.errors import PushError, PushRefused
from erp.outbox.handlers import Handler, Obsolete
from erp.outbox.models import PushJob
from kwai_integration.client.gateway import client_config
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.mapping import outbound
from kwai_integration.mapping.fields import moment
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.outbound.asked import asked_code
from kwai_integration.outbound.failures import push_error
from kwai_integration.outbound.handlers import arrange, delivery, invoice, tracking
from kwai_integration.outbound.remote import remote_order
from kwai_integration.situations import situations
from kwai_integration.wire import errors
from kwai_integration.wire.codes import (
    ARRIVED_ROLES,
    INVOICE_STATUS_LABELS,
    SHIPPED_ROLES,
    KwaiInvoiceStatus,
    KwaiRole,
)
from kwai_integration.wire.names import FieldRow, Privacy, Shape, WireNames, section_rows

# A code sent, or a shipment arranged, is with the platform once the order waits for its carrier.
SENT_ROLES = (KwaiRole.AWAITING_PICKUP, KwaiRole.PACKED, *SHIPPED_ROLES)
HELD_INVOICES = (KwaiInvoiceStatus.RECEIVED, KwaiInvoiceStatus.ACCEPTED)


@dataclass(frozen=True)
class _FirstPushPlan:
    """How one kind is shown before and judged after. `section` names the request in the table of fields."""

    handler: Handler
    section: str
    payload: Callable[[Any, WireNames], Mapping[str, Any]]
    compare: Callable[[PushJob, MappedOrder], list[Compared]]


def _invoice_compare(job: PushJob, order: MappedOrder) -> list[Compared]:
    label = INVOICE_STATUS_LABELS.get(order.invoice_status, order.invoice_status or "nenhuma")
    wanted = " ou ".join(INVOICE_STATUS_LABELS[status].lower() for status in HELD_INVOICES)
    return [Compared("NF-e do pedido", wanted, label.lower(), order.invoice_status in HELD_INVOICES)]


def _tracking_compare(job: PushJob, order: MappedOrder) -> list[Compared]:
    carrier_code, number = asked_code(job)
    return [
        _equal("Código de rastreio", number, order.tracking_code),
        _equal("Transportadora", carrier_code, order.carrier_code),
        _situation(order, SENT_ROLES),
    ]


def _arrange_compare(job: PushJob, order: MappedOrder) -> list[Compared]:
    code = order.tracking_code
    return [
        Compared("Código de rastreio", "um código do Kwai", code or "nada", bool(code)),
        _situation(order, SENT_ROLES),
    ]


def _delivery_compare(job: PushJob, order: MappedOrder) -> list[Compared]:
    return [_situation(order, ARRIVED_ROLES)]


def _equal(label: str, sent: str, found: str) -> Compared:
    return Compared(label, sent, found or "nada", sent == found)


def _situation(order: MappedOrder, wanted: tuple[KwaiRole, ...]) -> Compared:
    table = situations()
    words = f"{table.role_label(wanted[0])} ou além"
    return Compared("Situação", words, table.label(order.remote_status), order.role in wanted)


_PLANS = (
    _FirstPushPlan(
        invoice.HANDLER,
        "invoice_upload",
        lambda loaded, names: outbound.invoice_payload(invoice.upload_of(loaded), names),
        _invoice_compare,
    ),
    _FirstPushPlan(
        arrange.HANDLER,
        "arrangement",
        lambda loaded, names: outbound.arrangement_payload(loaded.order.external_id, loaded.handover, names),
        _arrange_compare,
    ),
    _FirstPushPlan(
        tracking.HANDLER,
        "shipment",
        lambda loaded, names: outbound.shipment_payload(tracking.notice_of(loaded), names),
        _tracking_compare,
    ),
    _FirstPushPlan(
        delivery.HANDLER,
        "delivery",
        lambda loaded, names: outbound.delivery_payload(loaded.notice, names),
        _delivery_compare,
    ),
)
PLANS: Mapping[str, _FirstPushPlan] = {plan.handler.kind: plan for plan in _PLANS}
# An object inside a request has a section of its own.
INNER = {("shipment", "invoice"): "shipment_invoice"}


def preview(job: PushJob) -> PushPreview:
    """The call as it will leave, with the names in force; rows of the ERP are all it reads."""
    plan, config = PLANS[job.kind], client_config()
    endpoint = config.endpoints[plan.handler.call]
    call = f"{endpoint.verb} {endpoint.path}"
    try:
        payload = plan.payload(_loaded(plan, job), config.names)
    except PushError as error:
        return PushPreview(call, problem=error.text)
    return PushPreview(call, list(_fields(payload, config.names, plan.section)))


def compare(job: PushJob) -> list[Compared]:
    """What the order says at Kwai now. Raises `PushError`."""
    plan = PLANS[job.kind]
    try:
        order = remote_order(client_for(job.store_id, share="push"), job.store_id, job.subject)
    except (errors.KwaiError, NotConnected) as error:
        raise push_error(error) from None
    return plan.compare(job, order)


def _loaded(plan: _FirstPushPlan, job: PushJob) -> Any:
    loaded = plan.handler.load(job)
    if isinstance(loaded, Obsolete):
        raise PushRefused(loaded.reason)
    return loaded


def _fields(
    payload: Mapping[str, Any], names: WireNames, section: str, before: str = ""
) -> Iterator[PreviewField]:
    rows = {row.wire: row for row in section_rows(names, section)}
    for name, value in payload.items():
        row = rows[name]
        if isinstance(value, dict):
            yield from _fields(value, names, INNER[section, row.attribute], f"{before}{name}.")
        else:
            yield _field(row, f"{before}{name}", value)


def _field(row: FieldRow, name: str, value: Any) -> PreviewField:
    if row.name == "invoice_upload.xml":
        return PreviewField(name, f"arquivo XML da NF-e, {len(value) * 3 // 4 // 1024 + 1} kB em base64")
    return PreviewField(name, str(value), _meaning(row.shape, value), row.privacy is Privacy.PERSONAL)


def _meaning(shape: Shape, value: Any) -> str:
    if shape is Shape.MONEY:
        return money_format(value)
    if shape is Shape.MOMENT:
        at = moment(value)
        return date_format(timezone.localtime(at), "d/m/Y H:i") if at else ""
    return ""


FOLLOWED = [
    Followed(
        kind=kind, is_on=lambda: bool(settings.KWAI_CONFIRM_FIRST_PUSH), preview=preview, compare=compare
    )
    for kind in PLANS
]
