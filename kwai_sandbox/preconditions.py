"""Which write an order's situation permits (contract sections 3.2 and 4)."""

from __future__ import annotations

from dataclasses import dataclass

from kwai_sandbox.orders import SandboxOrder
from kwai_sandbox.statuses import ARRANGED, TO_SHIP, Status, status_of
from kwai_sandbox.wire import REFUSED, CallRefusal


@dataclass(frozen=True)
class Precondition:
    """The situations that permit a write; `refusal` ends the sentence that every other one gets.

    A hold or a refund forbids it too, unless `also_frozen`.
    """

    permitted: frozenset[Status]
    refusal: str
    also_frozen: bool = False

    def check(self, order: SandboxOrder) -> None:
        """Raise `CallRefusal` 422, naming the situation, when the order does not permit the write."""
        if status_of(order.status) not in self.permitted:
            raise CallRefusal(REFUSED, f"O pedido está na situação “{order.status_name}” e {self.refusal}.")
        if order.frozen_reason and not self.also_frozen:
            raise CallRefusal(REFUSED, order.frozen_reason)


UPLOAD_INVOICE = Precondition(TO_SHIP, "não aceita NF-e")
ARRANGE_SHIPMENT = Precondition(frozenset({Status.TO_ARRANGE}), "o envio não pode ser programado")
SHIP_ORDER = Precondition(ARRANGED | {Status.TO_ARRANGE}, "não pode ser despachado")
CONFIRM_DELIVERY = Precondition(
    frozenset({Status.SHIPPED}), "só um pedido enviado pode ser confirmado como recebido"
)
CANCEL_ORDER = Precondition(
    frozenset({Status.AWAITING_PAYMENT, Status.AWAITING_INVOICE, Status.TO_ARRANGE}),
    "não pode mais ser cancelado",
    also_frozen=True,
)
SHIPPING_LABEL = Precondition(ARRANGED, "ainda não tem etiqueta ou não tem mais")
