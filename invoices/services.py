"""Writes on notes: import and carrier. Files are judged first, each stored in its own transaction.

Locks are taken in one order: the order, then the note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, TypeVar

from django.db import IntegrityError, models, transaction

from erp.accounts.models import Company, User
from erp.choices import ColouredChoices
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Carrier, Order, ShippingMethod
from erp.sales.shippers import method_problem
from erp.sales.timeline import order_event
from invoices import refusals
from invoices.events import cancellation_of, company_imports_lock, event_store
from invoices.holding import invoice_hold_locked, warnings_open
from invoices.intake.archives import Entry, entries
from invoices.intake.files import CompanyFacts
from invoices.intake.reading import EventReading, NfeReading
from invoices.intake.rules import CheckSeverity, InvoiceCheck, messages, refuse
from invoices.intake.validation import InvoiceVerdict, judge
from invoices.linking import (
    PROCEED,
    InvoiceRefused,
    company_facts,
    invoice_place_locked,
    invoice_replace_locked,
    judged_with,
    order_problem,
)
from invoices.matching import Match, order_find
from invoices.models import OUT_OF_FORCE, Invoice, InvoiceDocument, InvoiceStatus
from invoices.refused_files import refused_file_forget, refused_file_keep

RowT = TypeVar("RowT", Carrier, ShippingMethod)
OUT_OF_REACH = "A nota é de um pedido de outra loja, à qual você não tem acesso. Fale com um administrador."
STORED_CANCELLED = (
    "A SEFAZ já registrou o cancelamento desta nota: ela fica guardada em canceladas e não vale para o "
    "pedido. Emita outra nota."
)


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
class _Upload:
    company: Company
    user: User | None
    order: Order | None
    name: str
    content: bytes
    replaces: Invoice | None = None

    def result(
        self,
        outcome: ImportOutcome,
        *texts: str,
        invoice: Invoice | None = None,
        order: Order | None = None,
        code: str = "",
    ) -> ImportResult:
        return ImportResult(self.name, outcome, tuple(filter(None, texts)), invoice, order, code)

    def refused(self, *checks: InvoiceCheck) -> ImportResult:
        """Keep the file with its reasons for the tab *rejeitadas*."""
        refused_file_keep(
            company=self.company,
            order=self.order,
            name=self.name,
            content=self.content,
            checks=checks,
            user=self.user,
        )
        code = next((check.code for check in checks if check.refuses), "")
        return self.result(ImportOutcome.REFUSED, *messages(checks, CheckSeverity.REFUSE), code=code)


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """A file the validation has looked at, of which nothing is stored yet."""

    upload: _Upload
    entry: Entry
    verdict: InvoiceVerdict | None


def invoices_import(
    *,
    company: Company,
    files: Iterable[tuple[str, bytes | BinaryIO]],
    user: User | None,
    order: Order | None = None,
) -> list[ImportResult]:
    """Judge and store uploaded files, XML or ZIP; one result per file or member, in their order.

    `order` links every accepted note to that order; without it the order is looked for in the note. A note
    without an order is stored all the same: it is a fiscal document. A refused file is kept with its reasons
    (`RefusedFile`). A note with warnings is stored and waits for `invoice_proceed`. Events are kept, and
    applied to their note now or when it comes. Each file is a transaction of its own, one in memory at once.
    """
    facts = company_facts(company)
    return [
        judged_store(entry_judge(entry, company=company, facts=facts, user=user, order=order))
        for name, source in files
        for entry in entries(name, source)
    ]


def entry_judge(
    entry: Entry, *, company: Company, facts: CompanyFacts, user: User | None, order: Order | None
) -> JudgedFile:
    """The first half of an import, which takes the time and needs no database."""
    upload = _Upload(company, user, order, file_name_clean(entry.name), entry.content)
    is_judged = entry.is_invoice and not entry.problem
    return JudgedFile(upload, entry, judge(entry.content, company=facts) if is_judged else None)


def judged_store(judged: JudgedFile) -> ImportResult:
    """The second half: store the file or keep it with its reasons, in a transaction of its own."""
    if judged.verdict is not None:
        return _import(judged.upload, judged.verdict)
    if not judged.entry.is_invoice:
        text = "Não é um XML: nada foi lido deste arquivo."
        return judged.upload.result(ImportOutcome.SKIPPED, text)
    problem = refuse(judged.entry.problem)
    return judged.upload.refused(InvoiceCheck("archive", "ZIP que se abre", problem))


def invoice_replace(*, invoice: Invoice, name: str, content: bytes, user: User | None) -> ImportResult:
    """Put a corrected note in the place of `invoice` at its order, both or neither.

    The platform takes another key until the order is shipped (contract section 4, uploadInvoice). The older
    note stays stored and says what replaced it; cancelling it is done where it was issued.
    """
    upload = _Upload(invoice.company, user, invoice.order, file_name_clean(name), content, replaces=invoice)
    return _import(upload, judge(content, company=company_facts(invoice.company)))


@transaction.atomic
def invoice_carrier_set(
    *, invoice_id: int, carrier_id: int | None, shipping_method_id: int | None, user: User | None
) -> bool:
    """Choose *transportadora* and *forma de envio* beside the XML; False when nothing changed.

    Without a carrier the method's own is taken. Raises `InvoiceRefused` for rows of another company and
    for a method that the order does not take.
    """
    invoice = Invoice.objects.filter(pk=invoice_id).lock_for_update().get()
    carrier = _own(Carrier.objects.all(), carrier_id, invoice, refusals.CARRIER_GONE)
    method = _own(
        ShippingMethod.objects.select_related("carrier"), shipping_method_id, invoice, refusals.METHOD_GONE
    )
    if invoice.order is not None and (problem := method_problem(invoice.order, method)):
        raise InvoiceRefused(problem)
    if carrier is None and method is not None:
        carrier = method.carrier
    before = (invoice.carrier_id, invoice.shipping_method_id)
    invoice.carrier, invoice.shipping_method = carrier, method
    if before == (invoice.carrier_id, invoice.shipping_method_id):
        return False
    invoice.save(update_fields=["carrier", "shipping_method", "updated_at"])
    if invoice.order_id is not None:
        text = f"Forma de envio ou transportadora da {invoice} alterada"
        order_event(invoice.order_id, "invoice_carrier", text, link=invoice.get_absolute_url(), actor=user)
    return True


def _import(upload: _Upload, verdict: InvoiceVerdict) -> ImportResult:
    if verdict.event is not None and not verdict.refusals:
        return _event(upload, verdict.event)
    if not verdict.accepted or verdict.reading is None:
        return upload.refused(*verdict.checks)
    if upload.order is not None and upload.order.company_id != upload.company.pk:
        return upload.result(ImportOutcome.REFUSED, refusals.FOREIGN_ORDER)
    try:
        return _store(upload, verdict.reading, verdict.checks)
    except InvoiceRefused as refused:
        return upload.refused(_order_check(str(refused)))
    except IntegrityError:
        # Somebody stored the same key, or a note for the same order, between our look and our write:
        # looking again finds it and answers what is true now.
        return _store(upload, verdict.reading, verdict.checks)


def _event(upload: _Upload, event: EventReading) -> ImportResult:
    stored = event_store(
        company=upload.company, event=event, content=upload.content, name=upload.name, user=upload.user
    )
    refused_file_forget(company=upload.company, content=upload.content)
    outcome = ImportOutcome.EVENT if stored.is_new else ImportOutcome.ALREADY
    return upload.result(outcome, stored.text, invoice=stored.invoice)


@transaction.atomic
def _store(upload: _Upload, reading: NfeReading, file_checks: tuple[InvoiceCheck, ...]) -> ImportResult:
    """Where the note belongs is judged under the company's lock, then written."""
    company_imports_lock(upload.company)
    known = Invoice.objects.filter(access_key=reading.access_key).select_related("order").first()
    if known is not None and (answer := _answer_known(known, upload)):
        return answer
    cancellation = cancellation_of(upload.company, reading.access_key)
    if cancellation is not None and known is None:
        invoice = _create(upload, reading, cancelled_at=cancellation.registered_at)
        return upload.result(ImportOutcome.CANCELLED, STORED_CANCELLED, invoice=invoice)
    wanted = _wanted_order(upload, reading)
    order_checks = judged_with(reading, wanted.order) if wanted.order is not None else ()
    if refusing := _refusing(wanted, order_checks):
        return upload.refused(*refusing)
    invoice = known or _create(upload, reading)
    if wanted.order is None and not warnings_open(invoice, None, file_checks):
        outcome = ImportOutcome.ALREADY if known else ImportOutcome.IMPORTED
        return upload.result(outcome, wanted.text, invoice=invoice)
    return _place(upload, invoice, wanted.order, (*file_checks, *order_checks))


def _refusing(wanted: Match, order_checks: Sequence[InvoiceCheck]) -> tuple[InvoiceCheck, ...]:
    """Why the order that was found takes no such note; nothing without an order."""
    if wanted.order is None:
        return ()
    if wanted.text:
        return (_order_check(wanted.text), *order_checks)
    return tuple(order_checks) if messages(order_checks, CheckSeverity.REFUSE) else ()


def _place(
    upload: _Upload, invoice: Invoice, order: Order | None, checks: Sequence[InvoiceCheck]
) -> ImportResult:
    """Link the stored note to its locked order, or hold it while a warning needs a person."""
    if held_by := warnings_open(invoice, order, checks):
        invoice_hold_locked(invoice, order, place_of=upload.replaces)
        texts = messages(held_by, CheckSeverity.WARN)
        return upload.result(ImportOutcome.HELD, *texts, PROCEED, invoice=invoice, order=order)
    if order is None:
        raise AssertionError("a note without an order is placed only while a warning holds it")
    if upload.replaces is not None:
        invoice_replace_locked(upload.replaces, invoice, order, upload.user)
    invoice_place_locked(invoice, order, upload.user)
    return upload.result(ImportOutcome.LINKED, invoice=invoice, order=order)


def _known_problem(known: Invoice, upload: _Upload) -> Refusal:
    digests = InvoiceDocument.objects.filter(invoice=known).values_list("sha256", flat=True)
    if known.company_id != upload.company.pk or list(digests) != [_sha256(upload.content)]:
        return refusals.SAME_KEY
    if upload.order is not None and known.order_id not in (None, upload.order.pk):
        return refusals.LINKED_ELSEWHERE
    return NO_REFUSAL


def _answer_known(known: Invoice, upload: _Upload) -> ImportResult | None:
    """What a file of a known note is answered; None while the note has still to find its order."""
    if problem := _known_problem(known, upload):
        return upload.refused(_order_check(problem))
    is_placed = known.order is not None or (upload.order is None and known.wanted_order_id is not None)
    if not is_placed and known.status not in OUT_OF_FORCE:
        return None
    if upload.user is not None and not Invoice.objects.visible_to(upload.user).filter(pk=known.pk).exists():
        return upload.result(ImportOutcome.ALREADY, OUT_OF_REACH)
    return upload.result(ImportOutcome.ALREADY, invoice=known, order=known.order)


def _wanted_order(upload: _Upload, reading: NfeReading) -> Match:
    """The order to link, locked. With an order named by the operator, `text` refuses; else it explains."""
    found = upload.order
    if found is None:
        match_ = order_find(company=upload.company, reading=reading, user=upload.user)
        if match_.order is None:
            return match_
        found = match_.order
    order = Order.objects.filter(pk=found.pk).lock_for_update().get()
    problem = order_problem(order, upload.replaces)
    if problem and upload.order is None:
        return Match(None, problem)
    return Match(order, problem)


def _order_check(text: str) -> InvoiceCheck:
    """A refusal that only the database knows of, as one more check of the validation."""
    return InvoiceCheck("order", "Nota e pedido livres", refuse(text))


def _create(upload: _Upload, reading: NfeReading, *, cancelled_at: datetime | None = None) -> Invoice:
    carrier = _carrier_named_by(reading, upload.company)
    invoice = Invoice.objects.create(
        company=upload.company,
        access_key=reading.access_key,
        number=reading.number,
        series=reading.series,
        environment=reading.environment,
        issued_at=reading.issued_at,
        authorized_at=reading.protocol.authorized_at,
        authorization_protocol=reading.protocol.number,
        issuer_tax_id=reading.issuer.tax_id,
        recipient_tax_id=reading.recipient.tax_id,
        recipient_name=reading.recipient.name,
        total=reading.total,
        carrier=carrier,
        shipping_method=_method_of(carrier),
        created_by=upload.user,
        status=InvoiceStatus.CANCELLED if cancelled_at else InvoiceStatus.AUTHORISED,
        cancelled_at=cancelled_at,
    )
    InvoiceDocument.objects.create(
        invoice=invoice,
        content=upload.content,
        sha256=_sha256(upload.content),
        size=len(upload.content),
        file_name=upload.name,
    )
    refused_file_forget(company=upload.company, content=upload.content)
    return invoice


def _carrier_named_by(reading: NfeReading, company: Company) -> Carrier | None:
    tax_id = reading.transport.carrier_tax_id
    carriers = Carrier.objects.filter(company=company, tax_id=tax_id, is_active=True)
    return carriers.order_by("pk").first() if tax_id else None


def _method_of(carrier: Carrier | None) -> ShippingMethod | None:
    if carrier is None:
        return None
    return ShippingMethod.objects.filter(carrier=carrier, is_active=True).order_by("pk").first()


def _own(rows: models.QuerySet[RowT], pk: int | None, invoice: Invoice, missing: Refusal) -> RowT | None:
    if pk is None:
        return None
    found = rows.filter(pk=pk, company_id=invoice.company_id).first()
    if found is None:
        raise InvoiceRefused(missing)
    return found


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file_name_clean(name: str) -> str:
    """File names are typed by strangers: PostgreSQL refuses NUL and lone surrogates."""
    return "".join(char for char in name if char.isprintable())[:120] or "arquivo sem nome"
