"""The platform's own logistics: arranging a shipment and its label (contract section 4)."""

from __future__ import annotations

import base64
from typing import Any

from kwai_sandbox import orders, preconditions
from kwai_sandbox.clock import now_ms
from kwai_sandbox.fulfilment import order_owned, order_written
from kwai_sandbox.ledger import Identity
from kwai_sandbox.orders import SandboxOrder, order_move
from kwai_sandbox.statuses import ARRANGED, Status, status_of
from kwai_sandbox.wire import REFUSED, Call, CallRefusal, SandboxReply, id_text

HANDOVERS = ("PICKUP", "DROP_OFF")
CARRIER_NAME = "Kwai Envios"
UNSAFE_ZPL = str.maketrans({"^": " ", "~": " "})
UNSAFE_PDF = str.maketrans({"(": "[", ")": "]", "\\": "/"})


def shipment_arrange(call: Call) -> SandboxReply:
    """POST arrangeShipment: KWAI_ENVIOS only; gives carrier and number, and the same ones when repeated."""
    order = order_owned(call, call.identifier("orderId"))
    handover = call.text("handover")
    if handover not in HANDOVERS:
        raise CallRefusal(REFUSED, f"handover deve ser {' ou '.join(HANDOVERS)}.")
    _platform_shipped(order, "o envio não é programado no Kwai")
    if status_of(order.status) in ARRANGED:
        return SandboxReply(_arrangement(order))
    preconditions.ARRANGE_SHIPMENT.check(order)
    if order.detail.get("invoiceStatus") == orders.INVOICE_REFUSED:
        raise CallRefusal(
            REFUSED, f"A NF-e foi recusada: {order.detail.get('invoiceRefusalReason')}. Envie outra."
        )
    order_move(order, Status.AWAITING_PICKUP, now_ms())
    order.received["arrangement"] = {"handover": handover, "receivedAt": now_ms()}
    return order_written(call, order, "order_updated", _arrangement(order))


def _arrangement(order: SandboxOrder) -> dict[str, Any]:
    return {
        "carrierCode": order.detail.get("carrierCode"),
        "carrierName": CARRIER_NAME,
        "trackingNumber": order.detail.get("trackingNumber"),
    }


def _platform_shipped(order: SandboxOrder, refusal: str) -> None:
    if not order.is_platform_shipped:
        raise CallRefusal(REFUSED, f"O pedido usa transportadora própria; {refusal}.")


def arrangement_identity(body: dict[str, Any]) -> Identity:
    """All arrangements of one order are equal."""
    return Identity("arrangeShipment", str(body.get("orderId")), {"arranged": True})


def shipping_label(call: Call) -> SandboxReply:
    """GET getShippingLabel: base64 PDF or ZPL, only for KWAI_ENVIOS, from arrangement to pickup."""
    order = order_owned(call, id_text(call.query.get("orderId"), "orderId"))
    _platform_shipped(order, "a etiqueta não é da Kwai")
    preconditions.SHIPPING_LABEL.check(order)
    if not order.has_label:
        raise CallRefusal(REFUSED, "A NF-e do pedido ainda não foi aceita.")
    form = call.query.get("format", "PDF").upper()
    if form not in ("PDF", "ZPL"):
        raise CallRefusal(REFUSED, "format deve ser PDF ou ZPL.")
    content = label_content(order, form)
    return SandboxReply(
        {"orderId": order.order_id, "format": form, "content": base64.b64encode(content).decode()}
    )


def label_content(order: SandboxOrder, form: str) -> bytes:
    """The label's bytes as `PDF` or `ZPL`."""
    lines = _lines(order)
    return _pdf(lines) if form == "PDF" else _zpl(lines)


def _lines(order: SandboxOrder) -> list[str]:
    place = order.detail.get("receiverAddressInfo") or {}
    return [
        "KWAI ENVIOS",
        str(order.detail.get("trackingNumber")),
        f"Pedido {order.order_id}",
        str(place.get("name")),
        f"{place.get('street')}, {place.get('number')} {place.get('complement') or ''}",
        f"{place.get('district')} - {place.get('city')}/{place.get('state')}",
        f"CEP {place.get('zipCode')}",
    ]


def _zpl(lines: list[str]) -> bytes:
    fields = "".join(
        f"^FO40,{40 + 60 * row}^A0N,36,36^FD{line.translate(UNSAFE_ZPL)}^FS\n"
        for row, line in enumerate(lines)
    )
    return f"^XA\n^CI28\n^PW800\n^LL1200\n{fields}^XZ\n".encode()


def _pdf(lines: list[str]) -> bytes:
    """A 10 x 15 cm page of plain text."""
    text = "".join(f"({line.translate(UNSAFE_PDF)}) Tj T*\n" for line in lines)
    stream = b"BT /F1 12 Tf 22 TL 20 390 Td\n" + text.encode("cp1252", "replace") + b"ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 283 425] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    document = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(document))
    return document + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
