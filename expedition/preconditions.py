"""Why a shipment may not take a step: pure functions that answer a Portuguese reason or an empty text.

Screens grey with them and services refuse with them, under lock.
"""

from __future__ import annotations

import re

from erp import channels
from erp.brazil.documents import s10_is_valid
from erp.sales.models import Order, OrderStatus, ShippingKind, ShippingMethod
from erp.sales.shippers import method_problem
from expedition.models import GroupKind, Shipment, ShipmentGroup, ShipmentStatus

LONGEST_CODE = 60
S10_SHAPE = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
PRINTABLE = re.compile(r"[!-~]+(?: [!-~]+)*")

NO_METHOD = "Sem forma de envio. Escolha a forma de envio na expedição, na NF-e ou no pedido."
DEAD_INVOICE = "A NF-e do pedido foi cancelada ou rejeitada. Vincule uma NF-e autorizada."
NOT_ARRANGED = "Falta o número do {name}. Use programar envio."
UNDECIDED = (
    "O pedido foi encerrado depois que o pacote saiu. Diga na página do pedido se o pacote voltou ou foi "
    "entregue, em vez de cancelar a expedição."
)
ON_ITS_WAY = "O pedido já foi despachado. Não é possível cancelar a expedição."


def group_kind_for(method: ShippingMethod) -> GroupKind:
    """Correios takes a PLP, everyone else collects."""
    return GroupKind.POSTING_LIST if method.kind == ShippingKind.CORREIOS else GroupKind.PICKUP


def code_canonical(typed: str) -> str:
    """The code as it is stored: outer blanks go, and what is an S10 becomes capitals without blanks."""
    code = " ".join(typed.split())
    s10 = re.sub(r"[\s.-]", "", code).upper()
    return s10 if S10_SHAPE.fullmatch(s10) else code


def code_problem(shipment: Shipment, code: str) -> str:
    """Why the canonical `code` is none for this shipment; only Correios has a rule for its codes."""
    if not code:
        return ""
    if len(code) > LONGEST_CODE or not PRINTABLE.fullmatch(code):
        return "O código tem caracteres que não são de um código de rastreio. Confira e digite de novo."
    method = shipment.chosen_method
    if method and method.kind == ShippingKind.CORREIOS and not s10_is_valid(code):
        return (
            f"{code} não é um código válido dos Correios: são 2 letras, 9 números e 2 letras, "
            "e o dígito verificador tem de conferir."
        )
    return ""


def channel_cares(shipment: Shipment) -> str:
    """Why nobody types a code for what the marketplace carries, or an empty text."""
    if not shipment.is_channel_shipped:
        return ""
    return f"O {shipment.logistics_name} cuida do rastreio deste pedido: o número vem de lá, e não se digita."


def correction_notice(shipment: Shipment, held: str = "") -> str:
    """What to know before another code is typed: the marketplace has `held`, and takes no other."""
    if not shipment.has_channel or shipment.is_channel_shipped or not is_dispatched(shipment.order):
        return ""
    held = held or shipment.former_code or shipment.tracking_code or "o que recebeu"
    return (
        f"Pedido já despachado: o {channels.label(shipment.store.channel)} continua com {held} e não aceita "
        "outro código. Um código novo vale só aqui; a entrega segue normalmente."
    )


def needs_code(shipment: Shipment) -> bool:
    """Correios always; for others a marketplace needs the number (contract section 4, shipOrder)."""
    method = shipment.chosen_method
    return shipment.has_channel or (method is not None and method.kind == ShippingKind.CORREIOS)


def code_change_problem(shipment: Shipment, code: str) -> str:
    """Why the first package may not get `code` now."""
    if not shipment.is_on_the_way:
        return f"A expedição está {shipment.get_status_display().lower()}: o código não muda mais."
    if cares := channel_cares(shipment):
        return cares
    if shipment.frozen_reason:
        return shipment.frozen_reason
    if not code and not shipment.is_pending and needs_code(shipment):
        return "A expedição já foi concluída: corrija o código, em vez de apagá-lo."
    return code_problem(shipment, code)


def joining_problem(shipment: Shipment, method: ShippingMethod) -> str:
    """Why the shipment may not enter a group of `method`."""
    if not shipment.is_pending:
        return f"A expedição já está {shipment.get_status_display().lower()}."
    if shipment.group is not None:
        return f"A expedição já está em {shipment.group}. Retire-a de lá primeiro."
    if shipment.frozen_reason:
        return shipment.frozen_reason
    own = shipment.chosen_method
    if own is None:
        return NO_METHOD
    if problem := method_problem(shipment.order, method):
        return problem
    if own.pk == method.pk:
        return ""
    return f"A forma de envio é {own.name}, e a do agrupamento é {method.name}."


def leaving_problem(shipment: Shipment, group: ShipmentGroup) -> str:
    if shipment.group_id != group.pk:
        return f"A expedição não está em {group}."
    if group.is_open:
        return ""
    return f"{group} já foi concluída: cancele a expedição e inclua o pedido de novo."


def conclusion_problem(shipment: Shipment) -> str:
    """Why the shipment keeps its group from being concluded; rechecked under lock."""
    if not shipment.is_pending:
        return f"A expedição já está {shipment.get_status_display().lower()}. Retire-a do agrupamento."
    if shipment.frozen_reason:
        return f"Retire a expedição do agrupamento. {shipment.frozen_reason}"
    if shipment.order.unread_problem:
        return shipment.order.unread_problem
    if shipment.chosen_method is None:
        return NO_METHOD
    if problem := method_problem(shipment.order, shipment.chosen_method):
        return f"Retire a expedição do agrupamento. {problem}"
    return _codes_problem(shipment)


def _codes_problem(shipment: Shipment) -> str:
    if shipment.is_channel_shipped:
        return "" if shipment.channel_number else NOT_ARRANGED.format(name=shipment.logistics_name)
    codes = [package.tracking_code for package in shipment.packages.all()]
    is_correios = shipment.chosen_method is not None and shipment.chosen_method.kind == ShippingKind.CORREIOS
    if is_correios and not all(codes):
        return "Falta o código de rastreio dos Correios. Digite o código de cada volume."
    if needs_code(shipment) and not any(codes[:1]):
        return "Falta o código de rastreio, que o e-commerce exige. Digite o código."
    return next((problem for code in codes if (problem := code_problem(shipment, code))), "")


def change_problem(shipment: Shipment) -> str:
    """Why *forma de envio* and *transportadora* may not be changed."""
    if not shipment.is_pending:
        return f"A expedição já está {shipment.get_status_display().lower()}."
    if shipment.group is not None:
        return f"Retire a expedição de {shipment.group} antes de mudar a forma de envio."
    return ""


def cancel_problem(shipment: Shipment) -> str:
    """Why the shipment may not be cancelled: too late once a marketplace has confirmed the hand-over."""
    if shipment.status == ShipmentStatus.DELIVERED:
        return "O pedido já foi entregue. Não é possível cancelar a expedição."
    if shipment.has_channel and is_dispatched(shipment.order):
        return ON_ITS_WAY
    return UNDECIDED if shipment.order.handover_unclear else ""


def delivery_problem(shipment: Shipment) -> str:
    """Why an order without a marketplace may not be marked as delivered."""
    if shipment.status == ShipmentStatus.DELIVERED:
        return "O pedido já está marcado como entregue."
    return "" if shipment.status == ShipmentStatus.CONCLUDED else "Conclua a expedição antes."


def opening_problem(order: Order, active: Shipment | None, *, has_dead_invoice: bool) -> str:
    """Why an order gets no (further) shipment. A note that no longer counts freezes, none at all does not."""
    if active is not None:
        return f"O pedido já tem a expedição {active.number}."
    if order.frozen_reason:
        return order.frozen_reason
    if is_dispatched(order):
        return "O pedido já foi despachado: não há o que expedir."
    return DEAD_INVOICE if has_dead_invoice else ""


def is_dispatched(order: Order) -> bool:
    """On the road or further, as far as the ERP knows."""
    return order.status in (OrderStatus.SHIPPED, OrderStatus.UNDELIVERED, OrderStatus.DELIVERED)
