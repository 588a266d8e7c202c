"""What every handler of the open API takes and gives (contract section 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kwai_sandbox.sandbox import Sandbox

# Result codes (contract section 3.3).
OK = 200
REFRESH_INVALID = 401
CONSENT_REVOKED = 402
NOT_FOUND = 404
ALREADY_DONE = 409
REFUSED = 422
TOO_MANY_REQUESTS = 429
QUOTA_SPENT = 430
APP_INVALID = 440
SECRET_INVALID = 441
CLOCK_WRONG = 442
BAD_SIGNATURE = 443
TOKEN_INVALID = 444
MERCHANT_INVALID = 445
SCOPE_MISSING = 446
VERSION_INVALID = 447
PLATFORM_FAULT = 500
UNKNOWN_CODE = 499
RESULTS = (
    OK, REFRESH_INVALID, CONSENT_REVOKED, NOT_FOUND, ALREADY_DONE, REFUSED, TOO_MANY_REQUESTS, QUOTA_SPENT,
    *range(APP_INVALID, VERSION_INVALID + 1), UNKNOWN_CODE, PLATFORM_FAULT,
)  # fmt: skip

ID_FIELDS = {"orderId", "itemId", "skuId", "refundId", "categoryId", "parentId", "attributeId", "merchantId"}
MAX_ID = 9_999_999_999_999_999_999
EARLIEST_MS = 1_000_000_000_000


class Verbatim(dict[str, Any]):
    """A recorded object that leaves exactly as it was recorded."""


class CallRefusal(Exception):
    """The platform says no: a result code other than 200 and a text for the operator."""

    def __init__(self, result: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.result = result
        self.message = message
        self.data = data


@dataclass(frozen=True)
class Envelope:
    """The answer's body, in the contract's words."""

    result: int
    message: str
    data: Any = None


@dataclass(frozen=True)
class Call:
    """One authenticated request. `page_fault` is the kind of the page fault it meets, if any."""

    sandbox: Sandbox
    merchant_id: str
    query: dict[str, str]
    body: dict[str, Any]
    page_fault: str = ""

    def text(self, name: str) -> str:
        """A non-empty text field of the body; 422 otherwise."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value.strip():
            raise CallRefusal(REFUSED, f"Informe o campo {name}.")
        return value

    def number(self, name: str, minimum: int = 0) -> int:
        """A whole number of the body (centavos, pieces, pages); 422 otherwise."""
        value = self.body.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise CallRefusal(REFUSED, f"O campo {name} deve ser um número inteiro a partir de {minimum}.")
        return value

    def moment(self, name: str) -> int:
        """A time of the body in Unix milliseconds; seconds are refused with 422."""
        value = self.number(name)
        if not EARLIEST_MS <= value < EARLIEST_MS * 10:
            raise CallRefusal(REFUSED, f"O campo {name} deve estar em milissegundos UTC.")
        return value

    def identifier(self, name: str) -> str:
        """An id of the body as text, sent as number or text; 422 otherwise."""
        return id_text(self.body.get(name), name)


@dataclass(frozen=True)
class SandboxReply:
    """A handler's success. `applied` is true only if the platform's state changed."""

    data: Any = field(default_factory=dict)
    applied: bool = False


def id_text(value: Any, name: str) -> str:
    """An id of up to 19 digits as text; raises `CallRefusal` 422 for anything else."""
    text = str(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | str)
        or not text.isascii()
        or not text.isdigit()
    ):
        raise CallRefusal(REFUSED, f"O campo {name} não é um identificador válido.")
    if int(text) > MAX_ID:
        raise CallRefusal(REFUSED, f"O campo {name} tem mais de 19 dígitos.")
    return text


def ids_on_wire(value: Any, as_number: bool) -> Any:
    """The value with every id field written as JSON number or as text (contract section 1)."""
    if isinstance(value, Verbatim):
        return value
    if isinstance(value, dict):
        return {name: _id_on_wire(name, entry, as_number) for name, entry in value.items()}
    if isinstance(value, list):
        return [ids_on_wire(entry, as_number) for entry in value]
    return value


def _id_on_wire(name: str, entry: Any, as_number: bool) -> Any:
    if name in ID_FIELDS and as_number and isinstance(entry, str) and entry.isascii() and entry.isdigit():
        return int(entry)
    return ids_on_wire(entry, as_number)
