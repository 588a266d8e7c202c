"""The kinds of pushes Kwai knows, and how they are named to operators."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """`step` orders the facts of one order: NF-e, then arranging or tracking, then delivery."""

    SEND_INVOICE = "kwai.send_invoice"
    ARRANGE_SHIPMENT = "kwai.arrange_shipment"
    SEND_TRACKING = "kwai.send_tracking"
    CONFIRM_DELIVERY = "kwai.confirm_delivery"

    @property
    def step(self) -> int:
        return _STEPS[self]

    @property
    def label(self) -> str:
        return _LABELS[self]


_STEPS = {
    Kind.SEND_INVOICE: 1,
    Kind.ARRANGE_SHIPMENT: 2,
    Kind.SEND_TRACKING: 2,
    Kind.CONFIRM_DELIVERY: 3,
}
_LABELS = {
    Kind.SEND_INVOICE: "Dados da NF-e",
    Kind.ARRANGE_SHIPMENT: "Programação do envio",
    Kind.SEND_TRACKING: "Código de rastreio",
    Kind.CONFIRM_DELIVERY: "Entrega",
}
