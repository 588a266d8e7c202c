"""Where a note that passed the validation goes, decided of what was found. Pure: reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from erp.accounts.models import Company, User
from erp.choices import ColouredChoices
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order
from invoices.intake.rules import CheckSeverity, InvoiceCheck, messages, refuse
from invoices.linking import PROCEED
from invoices.matching import Match
from invoices.models import OUT_OF_FORCE, Invoice

OUT_OF_REACH = "A nota é de um pedido de outra loja, à qual você não tem acesso. Fale com um administrador."
STORED_CANCELLED = (
    "A SEFAZ já registrou o cancelamento desta nota: ela fica guardada em canceladas e não vale para o "
    "pedido. Emita outra nota."
)
NO_ORDER = Match(None, "")


class ImportOutcome(ColouredChoices):
    """How the import of one file ended, in the words of the screens."""

    LINKED = "linked", "green", "vinculada"
    IMPORTED = "imported", "yellow", "sem pedido"
    ALREADY = "already", "secondary", "já importada"
    HELD = "held", "orange", "pendente"
    CANCELLED = "cancelled", "secondary", "cancelada"
    EVENT = "event", "azure", "evento guardado"
    SKIPPED = "skipped", "secondary", "ignorado"
    REFUSED = "refused", "red", "recusada"

    def counted(self, count: int) -> str:
        """`1 vinculada`, `3 vinculadas`."""
        return f"{count} {_OUTCOME_PLURALS[self.value] if count > 1 else self.label}"


_OUTCOME_PLURALS = {
    "linked": "vinculadas",
    "imported": "sem pedido",
    "already": "já importadas",
    "held": "pendentes",
    "cancelled": "canceladas",
    "event": "eventos guardados",
    "skipped": "ignorados",
    "refused": "recusadas",
}


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file on its way in. `order`: the one it was sent for; `replaces`: the note whose place it takes."""

    company: Company
    user: User | None
    order: Order | None
    name: str
    content: bytes
    replaces: Invoice | None = None


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one file. `texts` (Portuguese): reasons of a refusal, warnings, what is left to do.
    `code` names the check that refused it."""

    name: str
    outcome: ImportOutcome
    texts: tuple[str, ...] = ()
    invoice: Invoice | None = None
    order: Order | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a note that comes in.

    `known` is its row, when the key is here already, `problem` why this file cannot be that note,
    `is_reachable` whether the user may see it. `wanted` is the order it belongs to, locked, or why there is
    none; with an order named by the operator its text refuses. `warnings` are those nobody consented to.
    """

    known: Invoice | None = None
    problem: Refusal = NO_REFUSAL
    is_reachable: bool = True
    cancelled_at: datetime | None = None
    wanted: Match = NO_ORDER
    order_checks: tuple[InvoiceCheck, ...] = ()
    warnings: tuple[InvoiceCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """What is to become of the note; `refused_by` only where it is refused."""

    outcome: ImportOutcome
    texts: tuple[str, ...] = ()
    order: Order | None = None
    refused_by: tuple[InvoiceCheck, ...] = ()


def placement(found: Found, *, named: Order | None) -> Placement:
    """Link the note, hold it while a warning needs a person, keep it without an order, or refuse it.

    `named` is the order the file was sent for."""
    known, order = found.known, found.wanted.order
    if found.problem:
        return _refused((order_check(found.problem),))
    if known is not None and is_settled(known, named):
        if found.is_reachable:
            return Placement(ImportOutcome.ALREADY, order=known.order)
        return Placement(ImportOutcome.ALREADY, (OUT_OF_REACH,))
    if found.cancelled_at is not None:
        return Placement(ImportOutcome.CANCELLED, (STORED_CANCELLED,))
    if refusing := _refusing(found):
        return _refused(refusing)
    if found.warnings:
        texts = (*messages(found.warnings, CheckSeverity.WARN), PROCEED)
        return Placement(ImportOutcome.HELD, texts, order)
    if order is None:
        return Placement(ImportOutcome.ALREADY if known else ImportOutcome.IMPORTED, (found.wanted.text,))
    return Placement(ImportOutcome.LINKED, (), order)


def is_settled(known: Invoice, named: Order | None) -> bool:
    """Nothing of it is left to place: it has its order, waits for one, or is out of force."""
    waits = named is None and known.wanted_order_id is not None
    return known.order is not None or waits or known.status in OUT_OF_FORCE


def order_check(text: str) -> InvoiceCheck:
    """A refusal that only the database knows of, as one more check of the validation."""
    return InvoiceCheck("order", "Nota e pedido livres", refuse(text))


def _refusing(found: Found) -> tuple[InvoiceCheck, ...]:
    """Why the order that was found takes no such note; nothing without an order."""
    if found.wanted.order is None:
        return ()
    if found.wanted.text:
        return (order_check(found.wanted.text), *found.order_checks)
    return found.order_checks if messages(found.order_checks, CheckSeverity.REFUSE) else ()


def _refused(checks: tuple[InvoiceCheck, ...]) -> Placement:
    return Placement(ImportOutcome.REFUSED, refused_by=checks)
