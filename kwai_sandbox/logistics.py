"""Shipping labels of the platform's own logistics (contract section 4)."""

from __future__ import annotations

import base64

from kwai_sandbox import orders
from kwai_sandbox.orders import Order
from kwai_sandbox.wire import NOT_FOUND, REFUSED, Call, Refusal, Reply, id_text

UNSAFE_ZPL = str.maketrans({"^": " ", "~": " "})
UNSAFE_PDF = str.maketrans({"(": "[", ")": "]", "\\": "/"})


def shipping_label(call: Call) -> Reply:
    """GET getShippingLabel: base64 PDF or ZPL, only for KWAI_ENVIOS and after the NF-e was accepted."""
    order = orders.order_get(call.sandbox.state, id_text(call.query.get("orderId"), "orderId"))
    if order is None or order.merchant_id != call.merchant_id:
        raise Refusal(NOT_FOUND, "Pedido não encontrado nesta loja.")
    if order.detail.get("shippingType") != orders.PLATFORM_LOGISTICS:
        raise Refusal(REFUSED, "O pedido usa transportadora própria; a etiqueta não é da Kwai.")
    if order.status not in (orders.PAID, orders.SHIPPED) or order.frozen_reason:
        raise Refusal(REFUSED, order.frozen_reason or f"O pedido está {order.status_name}.")
    if order.detail.get("invoiceStatus") != orders.INVOICE_ACCEPTED:
        raise Refusal(REFUSED, "A NF-e do pedido ainda não foi aceita.")
    form = call.query.get("format", "PDF").upper()
    if form not in ("PDF", "ZPL"):
        raise Refusal(REFUSED, "format deve ser PDF ou ZPL.")
    content = _pdf(_lines(order)) if form == "PDF" else _zpl(_lines(order))
    return Reply({"orderId": order.order_id, "format": form, "content": base64.b64encode(content).decode()})


def _lines(order: Order) -> list[str]:
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
