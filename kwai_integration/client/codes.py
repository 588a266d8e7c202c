"""Every remote code of the platform. Rules ask the role of a status, never its number.

Published: result codes 200, 403 and 443. All others are assumed (contract section 4) and live here so that
one edit, or the setting `KWAI_STATUS_ROLES`, corrects them. Remote codes are text: an unknown one is stored
and shown as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What an order status means to the ERP."""

    AWAITING_PAYMENT = "awaiting_payment"
    PAYABLE = "payable"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


ROLE_LABELS: Mapping[Role, str] = {
    Role.AWAITING_PAYMENT: "Aguardando pagamento",
    Role.PAYABLE: "Pago",
    Role.SHIPPED: "Enviado",
    Role.DELIVERED: "Entregue",
    Role.CANCELLED: "Cancelado",
}


class PushEvent(StrEnum):
    """What push messages tell of (assumed); any other name is stored and has no effect."""

    ORDER_CREATED = "order_created"
    ORDER_PAID = "order_paid"
    ORDER_UPDATED = "order_updated"
    ORDER_CANCELLED = "order_cancelled"
    REFUND_UPDATED = "refund_updated"
    ITEM_UPDATED = "item_updated"
    AUTHORIZATION_REVOKED = "authorization_revoked"


# Those whose order is fetched.
ORDER_EVENTS = frozenset(
    {
        PushEvent.ORDER_CREATED,
        PushEvent.ORDER_PAID,
        PushEvent.ORDER_UPDATED,
        PushEvent.ORDER_CANCELLED,
        PushEvent.REFUND_UPDATED,
    }
)


@dataclass(frozen=True)
class StatusCode:
    """One `orderStatus`; `label` is what screens show."""

    code: str
    label: str
    role: Role | None


ORDER_STATUSES: Mapping[str, StatusCode] = {
    status.code: status
    for status in (
        StatusCode("10", "Aguardando pagamento", Role.AWAITING_PAYMENT),
        StatusCode("30", "Pago", Role.PAYABLE),
        StatusCode("40", "Enviado", Role.SHIPPED),
        StatusCode("50", "Recebido", Role.DELIVERED),
        StatusCode("70", "Concluído", Role.DELIVERED),
        StatusCode("80", "Cancelado", Role.CANCELLED),
    )
}

DEFAULT_STATUS_ROLES: Mapping[str, Role] = {
    status.code: status.role for status in ORDER_STATUSES.values() if status.role
}


def status_roles(overrides: Mapping[str, str]) -> dict[str, Role]:
    """The default roles corrected by `overrides` (code to role name). ValueError names a wrong role."""
    return {**DEFAULT_STATUS_ROLES, **{code: Role(role) for code, role in overrides.items()}}


def status_label(code: str) -> str:
    """*não mapeada* with the code for a status nobody knows (contract section 4)."""
    known = ORDER_STATUSES.get(code)
    return known.label if known else f"Não mapeada ({code})"


class Result(IntEnum):
    """The `result` of the envelope."""

    OK = 200
    TOKEN_EXPIRED = 401
    CONSENT_REVOKED = 402
    NO_PERMISSION = 403
    NOT_FOUND = 404
    ALREADY_DONE = 409
    BUSINESS_REFUSAL = 422
    TOO_MANY_REQUESTS = 429
    QUOTA_SPENT = 430
    BAD_SIGNATURE = 443
    PLATFORM_FAULT = 500
    PLATFORM_UNAVAILABLE = 503


PUBLISHED_RESULTS = frozenset({Result.OK, Result.NO_PERMISSION, Result.BAD_SIGNATURE})

RESULT_LABELS: Mapping[Result, str] = {
    Result.OK: "Aceito",
    Result.TOKEN_EXPIRED: "Token inválido ou expirado",
    Result.CONSENT_REVOKED: "Consentimento revogado",
    Result.NO_PERMISSION: "Sem permissão",
    Result.NOT_FOUND: "Não encontrado",
    Result.ALREADY_DONE: "Já feito com o mesmo conteúdo",
    Result.BUSINESS_REFUSAL: "Recusado pela regra de negócio",
    Result.TOO_MANY_REQUESTS: "Muitas requisições",
    Result.QUOTA_SPENT: "Cota diária esgotada",
    Result.BAD_SIGNATURE: "Assinatura inválida",
    Result.PLATFORM_FAULT: "Falha da plataforma",
    Result.PLATFORM_UNAVAILABLE: "Plataforma indisponível",
}


class InvoiceStatus(StrEnum):
    """`invoiceStatus` of an order (assumed)."""

    NONE = "0"
    RECEIVED = "1"
    ACCEPTED = "2"
    REFUSED = "3"


class RefundStatus(StrEnum):
    """`refundStatus` of an order (assumed)."""

    NONE = "0"
    ASKED = "10"
    REFUNDED = "60"
    CLOSED = "70"


REFUND_NOT_RUNNING: frozenset[str] = frozenset(
    {RefundStatus.NONE, RefundStatus.REFUNDED, RefundStatus.CLOSED}
)


class ShippingType(StrEnum):
    """`shippingType` of an order (assumed)."""

    KWAI_ENVIOS = "KWAI_ENVIOS"
    SELLER = "SELLER"


class ActiveStatus(StrEnum):
    """`activeStatus` of an item (assumed)."""

    IN_REVIEW = "0"
    ACTIVE = "1"
    REFUSED = "2"
    INACTIVE = "3"


INVOICE_STATUS_LABELS: Mapping[str, str] = {
    InvoiceStatus.NONE: "Sem nota",
    InvoiceStatus.RECEIVED: "Recebida",
    InvoiceStatus.ACCEPTED: "Aceita",
    InvoiceStatus.REFUSED: "Recusada",
}
REFUND_STATUS_LABELS: Mapping[str, str] = {
    RefundStatus.NONE: "Nenhum",
    RefundStatus.ASKED: "Solicitado",
    RefundStatus.REFUNDED: "Reembolsado",
    RefundStatus.CLOSED: "Encerrado",
}
SHIPPING_TYPE_LABELS: Mapping[str, str] = {
    ShippingType.KWAI_ENVIOS: "Kwai Envios",
    ShippingType.SELLER: "Transportadora do vendedor",
}
ACTIVE_STATUS_LABELS: Mapping[str, str] = {
    ActiveStatus.IN_REVIEW: "Em análise",
    ActiveStatus.ACTIVE: "Ativo",
    ActiveStatus.REFUSED: "Recusado",
    ActiveStatus.INACTIVE: "Inativo",
}
