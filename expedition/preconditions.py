"""Why a shipment may not take a step: pure functions that answer a refusal, or `NO_REFUSAL`.

Screens grey with them and services refuse with them, under lock.
"""

from __future__ import annotations

import re

from erp import channels
from erp.brazil.documents import s10_is_valid
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order, OrderStatus, ShippingKind, ShippingMethod
from erp.sales.shippers import method_problem
from expedition import refusals
from expedition.models import GroupKind, Shipment, ShipmentGroup, ShipmentStatus

LONGEST_CODE = 60
S10_SHAPE = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
PRINTABLE = re.compile(r"[!-~]+(?: [!-~]+)*")


def group_kind_for(method: ShippingMethod) -> GroupKind:
    """Correios takes a PLP, everyone else collects."""
    return GroupKind.POSTING_LIST if method.kind == ShippingKind.CORREIOS else GroupKind.PICKUP


def code_canonical(typed: str) -> str:
    """The code as it is stored: outer blanks go, and what is an S10 becomes capitals without blanks."""
    code = " ".join(typed.split())
    s10 = re.sub(r"[\s.-]", "", code).upper()
    return s10 if S10_SHAPE.fullmatch(s10) else code


def code_problem(shipment: Shipment, code: str) -> Refusal:
    """Why the canonical `code` is none for this shipment; only Correios has a rule for its codes."""
    if not code:
        return NO_REFUSAL
    if len(code) > LONGEST_CODE or not PRINTABLE.fullmatch(code):
        return refusals.CODE_UNREADABLE
    method = shipment.chosen_method
    if method and method.kind == ShippingKind.CORREIOS and not s10_is_valid(code):
        return refusals.CODE_NOT_CORREIOS.of(code=code)
    return NO_REFUSAL


def channel_cares(shipment: Shipment) -> Refusal:
    """Why nobody types a code for what the marketplace carries."""
    if not shipment.is_channel_shipped:
        return NO_REFUSAL
    return refusals.CODE_OF_CHANNEL.of(logistics=shipment.logistics_name)


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


def code_change_problem(shipment: Shipment, code: str) -> Refusal:
    """Why the first package may not get `code` now."""
    if not shipment.is_on_the_way:
        return refusals.CODE_FIXED.of(status=_status(shipment))
    if cares := channel_cares(shipment):
        return cares
    if shipment.frozen_reason:
        return shipment.frozen_reason
    if not code and not shipment.is_pending and needs_code(shipment):
        return refusals.CODE_NEEDED
    return code_problem(shipment, code)


def joining_problem(shipment: Shipment, method: ShippingMethod) -> Refusal:
    """Why the shipment may not enter a group of `method`."""
    if not shipment.is_pending:
        return refusals.STATUS_FIXED.of(status=_status(shipment))
    if shipment.group is not None:
        return refusals.IN_GROUP.of(group=shipment.group)
    if shipment.frozen_reason:
        return shipment.frozen_reason
    own = shipment.chosen_method
    if own is None:
        return refusals.NO_METHOD
    if problem := method_problem(shipment.order, method):
        return problem
    if own.pk == method.pk:
        return NO_REFUSAL
    return refusals.OTHER_METHOD.of(own=own.name, method=method.name)


def leaving_problem(shipment: Shipment, group: ShipmentGroup) -> Refusal:
    if shipment.group_id != group.pk:
        return refusals.NOT_IN_GROUP.of(group=group)
    if group.is_open:
        return NO_REFUSAL
    return refusals.LEFT_IN_GROUP.of(group=group)


def conclusion_problem(shipment: Shipment) -> Refusal:
    """Why the shipment keeps its group from being concluded; rechecked under lock."""
    if not shipment.is_pending:
        return refusals.TAKE_OUT_STATUS.of(status=_status(shipment))
    if shipment.frozen_reason:
        return refusals.TAKE_OUT.of(reason=shipment.frozen_reason)
    if shipment.order.unread_problem:
        return shipment.order.unread_problem
    if shipment.chosen_method is None:
        return refusals.NO_METHOD
    if problem := method_problem(shipment.order, shipment.chosen_method):
        return refusals.TAKE_OUT.of(reason=problem)
    return _codes_problem(shipment)


def _codes_problem(shipment: Shipment) -> Refusal:
    if shipment.is_channel_shipped:
        return NO_REFUSAL if shipment.channel_number else not_arranged(shipment)
    codes = [package.tracking_code for package in shipment.packages.all()]
    is_correios = shipment.chosen_method is not None and shipment.chosen_method.kind == ShippingKind.CORREIOS
    if is_correios and not all(codes):
        return refusals.CODE_MISSING_CORREIOS
    if needs_code(shipment) and not any(codes[:1]):
        return refusals.CODE_MISSING
    return next((problem for code in codes if (problem := code_problem(shipment, code))), NO_REFUSAL)


def change_problem(shipment: Shipment) -> Refusal:
    """Why *forma de envio* and *transportadora* may not be changed."""
    if not shipment.is_pending:
        return refusals.STATUS_FIXED.of(status=_status(shipment))
    if shipment.group is not None:
        return refusals.METHOD_IN_GROUP.of(group=shipment.group)
    return NO_REFUSAL


def cancel_problem(shipment: Shipment) -> Refusal:
    """Why the shipment may not be cancelled: too late once a marketplace has confirmed the hand-over."""
    if shipment.status == ShipmentStatus.DELIVERED:
        return refusals.DELIVERED
    if shipment.has_channel and is_dispatched(shipment.order):
        return refusals.ON_ITS_WAY
    return refusals.UNDECIDED if shipment.order.handover_unclear else NO_REFUSAL


def delivery_problem(shipment: Shipment) -> Refusal:
    """Why the order may not be marked as delivered, whoever carries it."""
    if shipment.status == ShipmentStatus.DELIVERED:
        return refusals.ALREADY_DELIVERED
    return concluded_problem(shipment)


def concluded_problem(shipment: Shipment) -> Refusal:
    """Why nothing of a parcel that leaves the house may be told: it has not left with a concluded group."""
    if shipment.status == ShipmentStatus.CANCELLED:
        return refusals.CANCELLED
    return refusals.NOT_CONCLUDED if shipment.is_pending else NO_REFUSAL


def tracking_problem(shipment: Shipment) -> Refusal:
    """What the number of an own carrier's parcel needs before a marketplace can be told it."""
    if problem := concluded_problem(shipment):
        return problem
    if problem := invoice_problem(shipment):
        return problem
    if not shipment.tracking_code:
        return refusals.CODE_MISSING
    return NO_REFUSAL if shipment.chosen_carrier else refusals.NO_CARRIER


def invoice_problem(shipment: Shipment) -> Refusal:
    return refusals.NO_INVOICE if shipment.lacks_invoice else NO_REFUSAL


def not_arranged(shipment: Shipment) -> Refusal:
    return refusals.NOT_ARRANGED.of(logistics=shipment.logistics_name)


def _status(shipment: Shipment) -> str:
    return shipment.get_status_display().lower()


def opening_problem(order: Order, active: Shipment | None, *, has_dead_invoice: bool) -> Refusal:
    """Why an order gets no (further) shipment. A note that no longer counts freezes, none at all does not."""
    if active is not None:
        return refusals.HAS_SHIPMENT.of(number=active.number)
    if order.frozen_reason:
        return order.frozen_reason
    if is_dispatched(order):
        return refusals.DISPATCHED
    return refusals.DEAD_INVOICE if has_dead_invoice else NO_REFUSAL


def is_dispatched(order: Order) -> bool:
    """On the road or further, as far as the ERP knows."""
    return order.status in (OrderStatus.SHIPPED, OrderStatus.UNDELIVERED, OrderStatus.DELIVERED)
