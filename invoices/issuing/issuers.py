"""The interface of whoever makes notes, and which one a company uses.

An issuer never touches rows and never decides whether to try again: it turns a draft into signed bytes, sends
them, and says what became of them, now or later. `services.py` keeps the truth. A SEFAZ adapter is one more
class here; it answers `Queued` where the authority makes it wait, and `find` looks a key up there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from erp.accounts.issuers import issuer_choice_register
from erp.accounts.models import Company
from erp.refusals import RefusedError
from invoices import refusals
from invoices.issuing.draft import Draft
from invoices.issuing.requirements import Lack, Where

IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Numbering:
    """What the sequence gives a note. `issued_at` is aware."""

    series: int
    number: int
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class SignedInvoice:
    """The signed `NFe` without protocol, byte for byte what is sent, and its key."""

    access_key: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Authorised:
    """`document` is the whole `nfeProc`."""

    document: bytes


@dataclass(frozen=True, slots=True)
class IssueRefused:
    """The authority said no. `number_is_free` tells that no note uses the number now: the next one may."""

    code: str
    reason: str
    number_is_free: bool = True


@dataclass(frozen=True, slots=True)
class Queued:
    """Accepted for later; ask `find` by `receipt` not before `seconds` from now."""

    receipt: str
    seconds: int


Answer = Authorised | IssueRefused | Queued


class IssuerUnavailable(Exception):
    """No answer that can be relied on; the attempt stays open and is taken up again. The text (Portuguese)
    is shown and holds no personal data."""


class BuildRefused(RefusedError):
    """The draft cannot become a valid note; the text (Portuguese) says what to do. No number is used."""


class NFeIssuer(Protocol):
    """One way of making notes. Methods run with no transaction open, except `build`, which must not wait."""

    key: str
    label: str
    action_label: str
    # True when `send` answers within milliseconds: then a click waits for it instead of for a worker.
    answers_at_once: bool

    def lacks(self, draft: Draft) -> tuple[Lack, ...]:
        """What this issuer asks beyond `requirements.lacks`. Pure."""
        ...

    def build(self, draft: Draft, numbering: Numbering) -> SignedInvoice:
        """The signed note. Raises `BuildRefused`."""
        ...

    def send(self, invoice: SignedInvoice) -> Answer:
        """Ask for authorisation. Sending equal bytes again must not make a second note. Raises
        `IssuerUnavailable`."""
        ...

    def find(self, invoice: SignedInvoice, receipt: str) -> Answer | None:
        """What became of a note whose answer was lost or is due; None when the authority never got it.
        Raises `IssuerUnavailable`."""
        ...

    def cancel(self, document: bytes, reason: str) -> Answer:
        """Cancel an authorised `nfeProc`; `Authorised.document` is then the event (`procEventoNFe`). Raises
        `IssuerUnavailable`."""
        ...


class ImportedIssuer:
    """The default: notes are made elsewhere and their authorised XML is imported."""

    key = IMPORTED
    label = "Importar XML autorizado, emitido em outro sistema"
    action_label = "gerar nota fiscal"
    answers_at_once = True

    def lacks(self, draft: Draft) -> tuple[Lack, ...]:
        text = "A empresa importa as notas: emita no seu emissor e envie o XML autorizado."
        return (Lack(Where.UPLOAD, draft.order_id, "", text),)

    def build(self, draft: Draft, numbering: Numbering) -> SignedInvoice:
        raise BuildRefused(refusals.IMPORTS_ONLY)

    def send(self, invoice: SignedInvoice) -> Answer:
        raise IssuerUnavailable("Esta empresa importa as notas.")

    def find(self, invoice: SignedInvoice, receipt: str) -> Answer | None:
        raise IssuerUnavailable("Esta empresa importa as notas.")

    def cancel(self, document: bytes, reason: str) -> Answer:
        return IssueRefused("", "Cancele a nota no seu emissor e envie o XML do evento de cancelamento.")


_issuers: dict[str, NFeIssuer] = {}


def issuer_register(issuer: NFeIssuer) -> None:
    """Offer an issuer; called from `AppConfig.ready()`."""
    _issuers[issuer.key] = issuer
    issuer_choice_register(issuer.key, issuer.label)


def issuer_of(company: Company) -> NFeIssuer:
    """The issuer the company chose; importing when that one does not exist here."""
    return _issuers.get(company.invoice_issuer) or _issuers[IMPORTED]


def issuer_named(key: str) -> NFeIssuer | None:
    return _issuers.get(key)
