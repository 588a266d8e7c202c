"""What platform, carrier and buyer may do to an order: the buttons of its page, and their JSON calls."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kwai_sandbox import orders, preconditions
from kwai_sandbox.drafts import s10_invent
from kwai_sandbox.orders import SandboxOrder
from kwai_sandbox.reviews import verdict
from kwai_sandbox.statuses import ARRANGED, SHIPPED_ONCE, TO_SHIP, Status, status_of

Typed = Mapping[str, str]


@dataclass(frozen=True)
class SandboxAction:
    """`fits` says when it makes sense; `changes` gives the order's new fields, also from what was typed."""

    label: str
    fits: Callable[[SandboxOrder], bool]
    changes: Callable[[SandboxOrder, Typed], dict[str, Any]]


def actions_for(order: SandboxOrder) -> dict[str, SandboxAction]:
    """Those that make sense now, by name."""
    return {name: action for name, action in ACTIONS.items() if action.fits(order)}


def _stands(*statuses: Status) -> Callable[[SandboxOrder], bool]:
    return lambda order: status_of(order.status) in statuses


def _always(**changes: Any) -> Callable[[SandboxOrder, Typed], dict[str, Any]]:
    return lambda order, typed: dict(changes)


def _refund_is(status: int) -> Callable[[SandboxOrder], bool]:
    return lambda order: bool(order.detail.get("refundStatus") == status)


def _may_accept(order: SandboxOrder) -> bool:
    return "invoice" in order.received and order.detail.get("invoiceStatus") != orders.INVOICE_ACCEPTED


def _may_refuse(order: SandboxOrder) -> bool:
    refused = order.detail.get("invoiceStatus") == orders.INVOICE_REFUSED
    return "invoice" in order.received and not refused and status_of(order.status) in TO_SHIP


def _may_arrange(order: SandboxOrder) -> bool:
    return order.is_platform_shipped and order.status == Status.TO_ARRANGE


def _may_reissue(order: SandboxOrder) -> bool:
    return order.is_platform_shipped and status_of(order.status) in ARRANGED | {Status.SHIPPED}


def _may_refund(order: SandboxOrder) -> bool:
    paid = status_of(order.status) in TO_SHIP | SHIPPED_ONCE
    return paid and order.detail.get("refundStatus") in (None, orders.REFUND_NONE)


def _dispatch_outside(order: SandboxOrder, typed: Typed) -> dict[str, Any]:
    """The seller ships without the ERP: by a typed number, the order's own, or an invented one."""
    changes: dict[str, Any] = {"orderStatus": Status.SHIPPED}
    number = typed.get("trackingNumber", "").strip() or order.detail.get("trackingNumber")
    if order.is_platform_shipped:
        return changes | ({"trackingNumber": number} if number else {})
    changes["carrierCode"] = order.detail.get("carrierCode") or "CORREIOS"
    return changes | {"trackingNumber": number or s10_invent(secrets.randbelow(10**8))}


def _reissue(order: SandboxOrder, typed: Typed) -> dict[str, Any]:
    return {"trackingNumber": orders.tracking_reissue(order)}


def _refuse(order: SandboxOrder, typed: Typed) -> dict[str, Any]:
    return verdict(typed["reason"])


ACTIONS = {
    "pay": SandboxAction(
        "pagar", _stands(Status.AWAITING_PAYMENT), _always(orderStatus=Status.AWAITING_INVOICE)
    ),
    "accept_invoice": SandboxAction("aceitar NF-e", _may_accept, lambda order, typed: verdict("")),
    "refuse_invoice": SandboxAction("recusar NF-e", _may_refuse, _refuse),
    "arrange": SandboxAction("programar", _may_arrange, _always(orderStatus=Status.AWAITING_PICKUP)),
    "pack": SandboxAction("embalado", _stands(Status.AWAITING_PICKUP), _always(orderStatus=Status.PACKED)),
    "collect": SandboxAction(
        "coletado pelo transportador", _stands(*ARRANGED), _always(orderStatus=Status.SHIPPED)
    ),
    "reissue": SandboxAction("reemitir rastreio", _may_reissue, _reissue),
    "dispatch": SandboxAction("despachar fora do ERP", _stands(*TO_SHIP), _dispatch_outside),
    "receive": SandboxAction("recebido", _stands(Status.SHIPPED), _always(orderStatus=Status.DELIVERED)),
    "complete": SandboxAction("concluído", _stands(Status.DELIVERED), _always(orderStatus=Status.COMPLETED)),
    "hold": SandboxAction(
        "reter",
        lambda order: status_of(order.status) in TO_SHIP and not order.detail.get("holdReason"),
        _always(holdReason="Em análise de segurança"),
    ),
    "release": SandboxAction(
        "liberar retenção", lambda order: bool(order.detail.get("holdReason")), _always(holdReason="")
    ),
    "refund": SandboxAction("pedir reembolso", _may_refund, _always(refundStatus=orders.REFUND_ASKED)),
    "refund_pay": SandboxAction(
        "reembolsar", _refund_is(orders.REFUND_ASKED), _always(refundStatus=orders.REFUND_DONE)
    ),
    "refund_close": SandboxAction(
        "encerrar reembolso", _refund_is(orders.REFUND_ASKED), _always(refundStatus=orders.REFUND_CLOSED)
    ),
    "cancel": SandboxAction(
        "cancelar",
        _stands(*preconditions.CANCEL_ORDER.permitted),
        _always(orderStatus=Status.CLOSED, cancelReason="Cancelado pelo comprador"),
    ),
    "close": SandboxAction(
        "encerrado",
        lambda order: status_of(order.status) not in (None, Status.CLOSED),
        _always(orderStatus=Status.CLOSED),
    ),
}
