"""Why pushes stopped and where each cause is mended: one table, for the list and for the page of a push."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.urls import reverse

from erp.outbox.models import PushJob
from erp.outbox.statuses import FailureMode
from erp.sales import refusals as order_refusals
from kwai_integration import refusals
from kwai_integration.outbound.kinds import Kind


@dataclass(frozen=True, slots=True)
class MendPlace:
    """A page where a person mends what stopped a push: `url_name` with what `of` names in the push's payload,
    or, for a list, with the order's number in `query`; `field` is where on the page."""

    label: str
    url_name: str
    of: str = ""
    query: str = ""
    field: str = ""

    def url(self, job: PushJob) -> str:
        """Empty where the push does not name what the page shows."""
        if self.query:
            return f"{reverse(self.url_name)}?{self.query}={quote(job.subject)}"
        pk = job.store_id if self.of == "store" else job.payload.get(self.of)
        return f"{reverse(self.url_name, args=[pk])}{self.field}" if pk else ""


@dataclass(frozen=True, slots=True)
class Mend:
    """The button: what it says and the address of the very field."""

    label: str
    url: str


INVOICE = MendPlace("corrigir a nota", "invoices:detail", "invoice_id")
INVOICE_LINK = MendPlace("vincular a nota", "invoices:detail", "invoice_id", field="#order")
INVOICE_OF_ORDER = MendPlace("corrigir a nota", "invoices:list", query="remote")
SHIPMENT = MendPlace("abrir a expedição", "expedition:shipment", "shipment_id")
CODE = MendPlace("corrigir o código", "expedition:shipment", "shipment_id", field="#code-1")
ORDER = MendPlace("abrir o pedido", "sales:order", "order_id")
SHIPPER = MendPlace("dizer quem envia", "sales:order", "order_id", field="#shipper")
REMOTE = MendPlace("conferir o pedido", "kwai:orders", query="q")
STORE = MendPlace("abrir a conexão", "kwai:store", "store")

BY_REFUSAL: Mapping[str, MendPlace] = {
    refusals.SHIPMENT_NOT_CONCLUDED.code: SHIPMENT,
    refusals.SHIPMENT_CHANGED.code: CODE,
    refusals.CODE_CHANGED.code: SHIPMENT,
    refusals.SHIPPED_WITH_OTHER_CODE.code: CODE,
    refusals.LOGISTICS_TRACKS.code: ORDER,
    refusals.INVOICE_CHANGED.code: INVOICE,
    refusals.INVOICE_NOT_AUTHORISED.code: INVOICE,
    refusals.INVOICE_UNLINKED.code: INVOICE_LINK,
    refusals.INVOICE_REFUSED_FIRST.code: INVOICE_OF_ORDER,
    refusals.SITUATION_UNREAD.code: REMOTE,
    refusals.ORDER_NOT_RETURNED.code: REMOTE,
    refusals.CHOOSE_SHIPPER.code: SHIPPER,
    refusals.SELLERS.code: ORDER,
    refusals.NOT_PERMITTED.code: ORDER,
    refusals.REMOTE_HELD.code: ORDER,
    refusals.REMOTE_REFUNDED.code: ORDER,
    refusals.REMOTE_REFUND_RUNS.code: ORDER,
    order_refusals.CANCELLED.code: ORDER,
    order_refusals.HELD.code: ORDER,
    order_refusals.CLOSED.code: ORDER,
    order_refusals.CLOSED_UNCLEAR.code: ORDER,
    order_refusals.CLOSED_SENT.code: ORDER,
    order_refusals.REFUND_ASKED.code: ORDER,
    order_refusals.REFUND_PAID.code: ORDER,
}
# What Kwai itself refuses is about what was sent.
BY_KIND = {
    Kind.SEND_INVOICE: INVOICE,
    Kind.ARRANGE_SHIPMENT: SHIPMENT,
    Kind.SEND_TRACKING: CODE,
    Kind.CONFIRM_DELIVERY: SHIPMENT,
}
# Who stopped for these is not mended by what was sent. An answer nobody foresaw is for whoever keeps the ERP.
BY_MODE: Mapping[str, MendPlace | None] = {
    FailureMode.CONFIG: STORE,
    FailureMode.CREDENTIAL: STORE,
    FailureMode.EXHAUSTED: REMOTE,
    FailureMode.UNCERTAIN: REMOTE,
    FailureMode.INTERNAL: None,
}
BETWEEN = "~"


def mend_of(job: PushJob) -> Mend | None:
    """Where what stopped this push is mended; None for one that runs or that nobody here can mend."""
    if not job.failure_mode:
        return None
    place = BY_REFUSAL.get(job.cause) or BY_MODE.get(job.failure_mode, BY_KIND.get(Kind(job.kind)))
    url = place.url(job) if place else ""
    return Mend(place.label, url) if place and url else None


def cause_key(job: PushJob) -> str:
    """The cause of a blocked push, as an address names it."""
    return BETWEEN.join((job.kind, job.failure_mode, job.cause))


def cause_read(key: str) -> dict[str, Any] | None:
    """The columns that `key` stands for; None for what names no cause."""
    kind, _, rest = key.partition(BETWEEN)
    mode, between, cause = rest.partition(BETWEEN)
    if not between or kind not in list(Kind) or mode not in FailureMode.values or "\x00" in cause:
        return None
    return {"kind": kind, "failure_mode": mode, "cause": cause}


def cause_label(key: str) -> str:
    """`Dados da NF-e: recusado pela plataforma`; empty for what names no cause."""
    read = cause_read(key)
    if read is None:
        return ""
    mode = str(FailureMode(read["failure_mode"]).label)
    return f"{Kind(read['kind']).label}: {mode[0].lower()}{mode[1:]}"
