"""Every remote code of the platform, with its label, its meaning and where we know it from.

Rules ask the role of a situation and the meaning of a result, never the number. A setting corrects each table
(`KWAI_STATUS_ROLES`, `KWAI_RESULT_ROLES`); no other module of the product spells a code or its label.
Remote codes are text: one that nobody named is stored and shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import Any

# Of the wire contract these tables were written from, and the day its sources were last searched.
EDITION = 2
SEARCHED_ON = date(2026, 11, 28)
CODE_LENGTH = 20
LABEL_LENGTH = 60
# A whole number in one spelling only, so that no code stands twice in a table.
RESULT_CODE = re.compile(r"0|-?[1-9][0-9]{0,8}")


class Source(StrEnum):
    """How sure a row is; docs/kwai-api.md begins with what each means."""

    PUBLISHED = "published"
    THIRD_PARTY = "third_party"
    INFERRED = "inferred"
    ASSUMED = "assumed"


class KwaiRole(StrEnum):
    """What an order situation means to the ERP (contract 3.1)."""

    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_INVOICE = "awaiting_invoice"
    TO_ARRANGE = "to_arrange"
    AWAITING_PICKUP = "awaiting_pickup"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CLOSED = "closed"


# Paid and not yet on its way: the merchant still has something to do.
PAID_ROLES = (KwaiRole.AWAITING_INVOICE, KwaiRole.TO_ARRANGE, KwaiRole.AWAITING_PICKUP, KwaiRole.PACKED)
# The parcel has left the merchant's hands.
SHIPPED_ROLES = (KwaiRole.SHIPPED, KwaiRole.DELIVERED, KwaiRole.COMPLETED)
ARRIVED_ROLES = (KwaiRole.DELIVERED, KwaiRole.COMPLETED)
# Role names of edition 1 that are none any more, and what stands in their place.
FORMER_ROLES: Mapping[str, tuple[KwaiRole, ...]] = {
    "payable": PAID_ROLES,
    "cancelled": (KwaiRole.CLOSED,),
}


class CodeTableError(ValueError):
    """A setting that corrects a table does not fit; the text is one sentence for the administrator."""


@dataclass(frozen=True)
class Situation:
    """One `orderStatus`; `label` is what screens show."""

    code: str
    label: str
    role: KwaiRole
    source: Source = Source.THIRD_PARTY
    is_overridden: bool = False


SITUATIONS: Mapping[str, Situation] = {
    row.code: row
    for row in (
        Situation("10", "Aguardando pagamento", KwaiRole.AWAITING_PAYMENT),
        Situation("101", "Pago, aguardando NF-e", KwaiRole.AWAITING_INVOICE),
        Situation("102", "Pago, envio a programar", KwaiRole.TO_ARRANGE),
        Situation("200", "Aguardando coleta", KwaiRole.AWAITING_PICKUP),
        Situation("210", "Embalado, aguardando coleta", KwaiRole.PACKED),
        Situation("30", "Enviado", KwaiRole.SHIPPED),
        Situation("40", "Recebido", KwaiRole.DELIVERED),
        Situation("50", "Concluído", KwaiRole.COMPLETED),
        Situation("60", "Encerrado", KwaiRole.CLOSED),
    )
}


@dataclass(frozen=True)
class SituationTable:
    """The situations in force, in the order of an order's life."""

    rows: Mapping[str, Situation]

    @cached_property
    def roles(self) -> Mapping[str, KwaiRole]:
        return {row.code: row.role for row in self.rows.values()}

    def role(self, code: str) -> KwaiRole | None:
        row = self.rows.get(code)
        return row.role if row else None

    def label(self, code: str) -> str:
        """The situation's label; *Não mapeada* with the code for one that nobody named, "" without a code."""
        row = self.rows.get(code)
        if row:
            return row.label
        return f"Não mapeada ({code})" if code else ""

    def role_label(self, role: KwaiRole) -> str:
        """The words of the first situation with this role; the role's own where no code has it any more."""
        named = (row.label for row in self.rows.values() if row.role is role)
        return next(named, _DEFAULT_ROLE_LABELS[role])

    def codes(self, roles: Collection[KwaiRole]) -> tuple[str, ...]:
        return tuple(row.code for row in self.rows.values() if row.role in roles)


_DEFAULT_ROLE_LABELS: Mapping[KwaiRole, str] = {row.role: row.label for row in SITUATIONS.values()}


def situation_table(overrides: Mapping[str, Any]) -> SituationTable:
    """The table corrected by `KWAI_STATUS_ROLES`: `{code: role}`, `{code: {"role": …, "label": …}}`, or
    `{code: null}` for a code the platform does not have.

    Overrides that give every role a code are a table of their own: then none of the codes above exists.
    Raises CodeTableError.
    """
    given = {
        str(code): _situation(str(code), value) for code, value in _pairs(overrides, "KWAI_STATUS_ROLES")
    }
    rows = [row for row in given.values() if row]
    whole = {row.role for row in rows} == set(KwaiRole)
    kept = [] if whole else [row for row in SITUATIONS.values() if row.code not in given]
    order = {role: place for place, role in enumerate(KwaiRole)}
    chosen = sorted([*kept, *rows], key=lambda row: order[row.role])
    return SituationTable({row.code: row for row in chosen})


def _situation(code: str, value: Any) -> Situation | None:
    if value is None:
        return None
    parts = value if isinstance(value, dict) else {"role": value}
    if unknown := sorted(set(parts) - {"role", "label"}):
        raise CodeTableError(
            f"KWAI_STATUS_ROLES: {code} traz {', '.join(unknown)}, e só role e label são conhecidos: "
            "deixe só esses."
        )
    if not _is_text(code, CODE_LENGTH):
        raise CodeTableError(
            f"KWAI_STATUS_ROLES: o código {code!r} precisa ter de 1 a {CODE_LENGTH} caracteres, sem espaços "
            "nas pontas."
        )
    role, known = _role(code, parts.get("role")), SITUATIONS.get(code)
    label = parts.get("label", known.label if known else f"{_DEFAULT_ROLE_LABELS[role]} ({code})")
    if not isinstance(label, str) or not _is_text(label.strip(), LABEL_LENGTH):
        raise CodeTableError(
            f"KWAI_STATUS_ROLES: o label de {code} precisa ser um texto de 1 a {LABEL_LENGTH} caracteres."
        )
    return Situation(code, label.strip(), role, known.source if known else Source.ASSUMED, is_overridden=True)


def _is_text(value: str, longest: int) -> bool:
    return 0 < len(value) <= longest and value == value.strip() and value.isprintable()


def _role(code: str, value: Any) -> KwaiRole:
    if isinstance(value, str) and value in FORMER_ROLES:
        now = " ou ".join(FORMER_ROLES[value])
        raise CodeTableError(
            f"KWAI_STATUS_ROLES: {code} usa o papel antigo {value}, que não existe mais; troque por {now}."
        )
    if not isinstance(value, str) or value not in set(KwaiRole):
        raise CodeTableError(
            f"KWAI_STATUS_ROLES: {value!r}, de {code}, não é um papel; use {', '.join(KwaiRole)}."
        )
    return KwaiRole(value)


def _pairs(overrides: Any, setting: str) -> Iterable[tuple[Any, Any]]:
    if not isinstance(overrides, Mapping):
        raise CodeTableError(f"{setting} precisa ser um objeto JSON, como {{}}.")
    return overrides.items()


def nearest(name: str, known: Iterable[str]) -> str:
    """Which names may have been meant by one that is none; `manage.py kwai_contract` prints them all."""
    return f"os mais parecidos são {', '.join(get_close_matches(name, known, n=3, cutoff=0))}"


class ResultMeaning(StrEnum):
    """What the `result` of an envelope says; the policy asks this, never the number (contract 3.3)."""

    OK = "ok"
    APP_INVALID = "app_invalid"
    SECRET_INVALID = "secret_invalid"  # noqa: S105 - a meaning, not a secret
    CLOCK_WRONG = "clock_wrong"
    SIGNATURE_INVALID = "signature_invalid"
    TOKEN_INVALID = "token_invalid"  # noqa: S105
    MERCHANT_INVALID = "merchant_invalid"
    PERMISSION_MISSING = "permission_missing"
    CONSENT_REVOKED = "consent_revoked"
    NOT_FOUND = "not_found"
    ALREADY_DONE = "already_done"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    QUOTA_SPENT = "quota_spent"
    PLATFORM_FAULT = "platform_fault"


@dataclass(frozen=True)
class ResultCode:
    """One `result`; `label` is what it says, `follows` what the ERP does then."""

    code: int
    meaning: ResultMeaning
    label: str
    follows: str
    source: Source
    is_overridden: bool = False


_PAUSE_ALL = "todas as filas pausam; uma leitura assinada por minuto, por todas as lojas, retoma sozinha"
_RENEW = "o acesso é renovado uma vez e a chamada repetida uma vez"
_CALL_PAUSES = "esta chamada desta loja pausa; as outras seguem"
_AGAIN = "é tentado de novo; escrita confere antes de repetir"

RESULTS: Mapping[int, ResultCode] = {
    row.code: row
    for row in (
        ResultCode(200, ResultMeaning.OK, "Aceito", "segue", Source.PUBLISHED),
        ResultCode(401, ResultMeaning.TOKEN_INVALID, "Token inválido ou expirado", _RENEW, Source.ASSUMED),
        ResultCode(
            402,
            ResultMeaning.CONSENT_REVOKED,
            "Consentimento revogado",
            "a loja desconecta e a fila pausa; os envios esperam",
            Source.ASSUMED,
        ),
        ResultCode(403, ResultMeaning.PERMISSION_MISSING, "Sem permissão", _CALL_PAUSES, Source.ASSUMED),
        ResultCode(
            404, ResultMeaning.NOT_FOUND, "Não encontrado", "escrita para com o motivo", Source.ASSUMED
        ),
        ResultCode(
            409,
            ResultMeaning.ALREADY_DONE,
            "Já feito com o mesmo conteúdo",
            "conta como feito",
            Source.ASSUMED,
        ),
        ResultCode(
            422, ResultMeaning.REFUSED, "Recusado pela regra de negócio", "para com o motivo", Source.ASSUMED
        ),
        ResultCode(
            429, ResultMeaning.RATE_LIMITED, "Muitas requisições", "espera o tempo dito", Source.ASSUMED
        ),
        ResultCode(
            430,
            ResultMeaning.QUOTA_SPENT,
            "Cota diária esgotada",
            "a chamada pausa até renovar",
            Source.ASSUMED,
        ),
        ResultCode(440, ResultMeaning.APP_INVALID, "Aplicativo inválido", _PAUSE_ALL, Source.THIRD_PARTY),
        ResultCode(
            441,
            ResultMeaning.SECRET_INVALID,
            "Segredo do aplicativo inválido",
            "autorização e renovação de todas as lojas pausam; a próxima renovação retoma",
            Source.THIRD_PARTY,
        ),
        ResultCode(442, ResultMeaning.CLOCK_WRONG, "Horário inválido", _PAUSE_ALL, Source.THIRD_PARTY),
        ResultCode(443, ResultMeaning.SIGNATURE_INVALID, "Assinatura inválida", _PAUSE_ALL, Source.PUBLISHED),
        ResultCode(444, ResultMeaning.TOKEN_INVALID, "Token de acesso inválido", _RENEW, Source.INFERRED),
        ResultCode(
            445,
            ResultMeaning.MERCHANT_INVALID,
            "Vendedor inválido",
            "a loja precisa de uma nova autorização",
            Source.THIRD_PARTY,
        ),
        ResultCode(
            446, ResultMeaning.PERMISSION_MISSING, "API não concedida", _CALL_PAUSES, Source.THIRD_PARTY
        ),
        ResultCode(447, ResultMeaning.APP_INVALID, "Versão da API inválida", _PAUSE_ALL, Source.THIRD_PARTY),
        ResultCode(500, ResultMeaning.PLATFORM_FAULT, "Falha da plataforma", _AGAIN, Source.ASSUMED),
        ResultCode(503, ResultMeaning.PLATFORM_FAULT, "Plataforma indisponível", _AGAIN, Source.ASSUMED),
    )
}
# 440 to 449. One of them that nobody named concerns the access: it pauses the store's queue (contract 3.3).
_ACCESS_FAMILY = range(440, 450)


@dataclass(frozen=True)
class ResultTable:
    """The result codes in force."""

    rows: Mapping[int, ResultCode]

    def meaning(self, code: int) -> ResultMeaning | None:
        row = self.rows.get(code)
        return row.meaning if row else None

    def label(self, code: int) -> str:
        row = self.rows.get(code)
        return row.label if row else f"Código {code}, que ninguém nomeou"

    def is_unnamed_access(self, code: int) -> bool:
        """A code beside those of application, clock, token and permission that has no row of its own."""
        return code in _ACCESS_FAMILY and code not in self.rows


def result_table(overrides: Mapping[str, Any]) -> ResultTable:
    """The table corrected by `KWAI_RESULT_ROLES`, `{code: meaning}`; null takes a code away. A whole set of
    meanings is a table of its own, as with situations. Raises CodeTableError."""
    given = dict(_result(*pair) for pair in _pairs(overrides, "KWAI_RESULT_ROLES"))
    rows = [row for row in given.values() if row]
    whole = {row.meaning for row in rows} == set(ResultMeaning)
    kept = [] if whole else [row for row in RESULTS.values() if row.code not in given]
    table = ResultTable({row.code: row for row in sorted([*kept, *rows], key=lambda row: row.code)})
    if not any(row.meaning is ResultMeaning.OK for row in table.rows.values()):
        raise CodeTableError(
            "KWAI_RESULT_ROLES não deixa nenhum código com o sentido ok: deixe um, como 200."
        )
    return table


def _result(code: Any, value: Any) -> tuple[int, ResultCode | None]:
    text = str(code)
    if not RESULT_CODE.fullmatch(text):
        raise CodeTableError(
            f"KWAI_RESULT_ROLES: {text!r} não é um código; use o número inteiro da resposta."
        )
    number = int(text)
    if value is None:
        return number, None
    if not isinstance(value, str) or value not in set(ResultMeaning):
        raise CodeTableError(
            f"KWAI_RESULT_ROLES: {value!r}, de {text}, não é um sentido; use {', '.join(ResultMeaning)}."
        )
    meaning, known = ResultMeaning(value), RESULTS.get(number)
    if known and known.meaning is meaning:
        return number, replace(known, is_overridden=True)
    twin = next(row for row in RESULTS.values() if row.meaning is meaning)
    return number, ResultCode(number, meaning, twin.label, twin.follows, Source.ASSUMED, is_overridden=True)


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


class KwaiInvoiceStatus(StrEnum):
    """`invoiceStatus` of an order (assumed)."""

    NONE = "0"
    RECEIVED = "1"
    ACCEPTED = "2"
    REFUSED = "3"


VERDICTS = (KwaiInvoiceStatus.ACCEPTED, KwaiInvoiceStatus.REFUSED)


class KwaiRefundStatus(StrEnum):
    """`refundStatus` of an order (assumed)."""

    NONE = "0"
    ASKED = "10"
    REFUNDED = "60"
    CLOSED = "70"


class ShippingType(StrEnum):
    """`shippingType` of an order (assumed)."""

    KWAI_ENVIOS = "KWAI_ENVIOS"
    SELLER = "SELLER"


class Handover(StrEnum):
    """`handover` of arrangeShipment (assumed): who moves the parcel to the carrier."""

    PICKUP = "PICKUP"
    DROP_OFF = "DROP_OFF"


class LabelFormat(StrEnum):
    """`format` of getShippingLabel (assumed)."""

    PDF = "PDF"
    ZPL = "ZPL"


class ActiveStatus(StrEnum):
    """`activeStatus` of an item (assumed)."""

    IN_REVIEW = "0"
    ACTIVE = "1"
    REFUSED = "2"
    INACTIVE = "3"


INVOICE_STATUS_LABELS: Mapping[str, str] = {
    KwaiInvoiceStatus.NONE: "Sem nota",
    KwaiInvoiceStatus.RECEIVED: "Recebida",
    KwaiInvoiceStatus.ACCEPTED: "Aceita",
    KwaiInvoiceStatus.REFUSED: "Recusada",
}
REFUND_STATUS_LABELS: Mapping[str, str] = {
    KwaiRefundStatus.NONE: "Nenhum",
    KwaiRefundStatus.ASKED: "Solicitado",
    KwaiRefundStatus.REFUNDED: "Reembolsado",
    KwaiRefundStatus.CLOSED: "Encerrado",
}
SHIPPING_TYPE_LABELS: Mapping[str, str] = {
    ShippingType.KWAI_ENVIOS: "Kwai Envios",
    ShippingType.SELLER: "Transportadora do vendedor",
}
# The shipping type that is the platform's own logistics, as people call it.
LOGISTICS_LABEL = SHIPPING_TYPE_LABELS[ShippingType.KWAI_ENVIOS]
HANDOVER_LABELS: Mapping[str, str] = {
    Handover.PICKUP: "Coleta no endereço da loja",
    Handover.DROP_OFF: "Entrega em um ponto de postagem",
}
LABEL_FORMAT_LABELS: Mapping[str, str] = {
    LabelFormat.PDF: "PDF (impressora comum ou térmica)",
    LabelFormat.ZPL: "ZPL (impressora térmica Zebra)",
}
ACTIVE_STATUS_LABELS: Mapping[str, str] = {
    ActiveStatus.IN_REVIEW: "Em análise",
    ActiveStatus.ACTIVE: "Ativo",
    ActiveStatus.REFUSED: "Recusado",
    ActiveStatus.INACTIVE: "Inativo",
}
