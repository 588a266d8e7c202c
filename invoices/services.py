"""Writes on notes: import, link, unlink, carrier. Files are judged first, each stored in its own transaction.

Locks are taken in one order: the order, then the note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, TypeVar

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import Company, User
from erp.channels import Outcome, RowResult
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Buyer, Carrier, Order, OrderStatus, ShippingMethod
from erp.sales.services import EventDraft, order_events_append, orders_status_set
from invoices.events import cancellation_of, company_imports_lock, event_store
from invoices.holding import consent_record, issued_status, note_hold, note_release, warnings_open
from invoices.intake.archives import Entry, entries
from invoices.intake.files import CompanyFacts
from invoices.intake.gate import judge, match
from invoices.intake.order_rules import OrderFacts
from invoices.intake.parser import parse
from invoices.intake.reading import EventReading, NfeReading, read
from invoices.intake.rules import Check, Severity, messages, refuse
from invoices.matching import Match, order_find
from invoices.models import OUT_OF_FORCE, DocumentDamaged, Invoice, InvoiceDocument, InvoiceStatus
from invoices.refusals import refused_file_forget, refused_file_keep

RowT = TypeVar("RowT", Carrier, ShippingMethod)
FOREIGN_ORDER = "O pedido escolhido não é desta empresa. Escolha outro pedido."
DAMAGED = "O arquivo guardado desta nota está danificado. Restaure-o de uma cópia."
OUT_OF_REACH = "A nota é de um pedido de outra loja, à qual você não tem acesso. Fale com um administrador."
STORED_CANCELLED = (
    "A SEFAZ já registrou o cancelamento desta nota: ela fica guardada em canceladas e não vale para o "
    "pedido. Emita outra nota."
)
PROCEED = "Abra a nota e use seguir mesmo assim, ou envie a nota corrigida."


class InvoiceRefused(Exception):
    """The operator must act first; the message (Portuguese) says how."""


class ImportOutcome(models.TextChoices):
    LINKED = "linked", "vinculada"
    IMPORTED = "imported", "sem pedido"
    ALREADY = "already", "já importada"
    HELD = "held", "pendente"
    CANCELLED = "cancelled", "cancelada"
    EVENT = "event", "evento guardado"
    SKIPPED = "skipped", "ignorado"
    REFUSED = "refused", "recusada"

    @property
    def colour(self) -> str:
        return _OUTCOME_COLOURS[self.value]


_OUTCOME_COLOURS = {
    "linked": "green",
    "imported": "yellow",
    "already": "secondary",
    "held": "orange",
    "cancelled": "secondary",
    "event": "azure",
    "skipped": "secondary",
    "refused": "red",
}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of one file. `texts` (Portuguese): reasons of a refusal, warnings, what is left to do."""

    name: str
    outcome: ImportOutcome
    texts: tuple[str, ...] = ()
    invoice: Invoice | None = None
    order: Order | None = None


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
    ) -> ImportResult:
        return ImportResult(self.name, outcome, tuple(filter(None, texts)), invoice, order)

    def refused(self, *checks: Check) -> ImportResult:
        """Keep the file with its reasons for the tab *rejeitadas*."""
        refused_file_keep(
            company=self.company,
            order=self.order,
            name=self.name,
            content=self.content,
            checks=checks,
            user=self.user,
        )
        return self.result(ImportOutcome.REFUSED, *messages(checks, Severity.REFUSE))


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
        _import_entry(_Upload(company, user, order, _clean_name(entry.name), entry.content), entry, facts)
        for name, source in files
        for entry in entries(name, source)
    ]


def invoice_replace(*, invoice: Invoice, name: str, content: bytes, user: User | None) -> ImportResult:
    """Put a corrected note in the place of `invoice` at its order, both or neither.

    The platform takes another key until the order is shipped (contract section 4, uploadInvoice). The older
    note stays stored and says what replaced it; cancelling it is done where it was issued.
    """
    upload = _Upload(invoice.company, user, invoice.order, _clean_name(name), content, replaces=invoice)
    return _import(upload, company_facts(invoice.company))


@transaction.atomic
def invoice_link(*, invoice_id: int, order_id: int, user: User | None) -> tuple[str, ...]:
    """Link a stored note to an order of its company. Raises `InvoiceRefused`.

    Returns the warnings that hold it: with any, the note is not linked but waits for `invoice_proceed`.
    """
    order = Order.objects.filter(pk=order_id).lock_for_update().get()
    invoice = Invoice.objects.filter(pk=invoice_id).lock_for_update().get()
    if invoice.order_id == order.pk:
        return ()
    if invoice.company_id != order.company_id:
        raise InvoiceRefused(FOREIGN_ORDER)
    if invoice.order_id is not None:
        raise InvoiceRefused("A nota já está vinculada a outro pedido. Desvincule-a antes.")
    if invoice.status in OUT_OF_FORCE:
        raise InvoiceRefused("Uma nota cancelada ou rejeitada não pode ser vinculada. Envie outra nota.")
    checks = _checks_of(invoice, order)
    _refuse_to_link(order, checks)
    held_by = warnings_open(invoice, order, checks)
    if held_by:
        note_hold(invoice, order, place_of=None)
        return messages(held_by, Severity.WARN)
    _link(invoice, order, user)
    return ()


@transaction.atomic
def invoice_proceed(*, invoice_id: int, codes: Collection[str], user: User) -> Order | None:
    """*Seguir mesmo assim*: record who went on despite which warnings, then link the note as wanted.

    `codes` are the warnings the user saw; a new one since refuses. Returns the order, None when the note
    waited without one. Raises `InvoiceRefused`.
    """
    order = _wanted_order_locked(invoice_id)
    invoice = Invoice.objects.filter(pk=invoice_id, wanted_order=order).lock_for_update().first()
    if invoice is None or invoice.status != InvoiceStatus.PENDING:
        raise InvoiceRefused("A nota não espera mais confirmação. Atualize a página e confira.")
    checks = _checks_of(invoice, order)
    replaced = invoice.wanted_place_of
    if order is not None:
        _refuse_to_link(order, checks, replaced)
    warnings = warnings_open(invoice, order, checks)
    if not {check.code for check in warnings} <= set(codes):
        raise InvoiceRefused("Há avisos novos nesta nota. Leia-os e confirme outra vez.")
    consent_record(invoice=invoice, order=order, warnings=warnings, user=user)
    if order is None:
        note_release(invoice)
        return None
    if replaced is not None:
        _release(replaced, invoice, order, user)
    _link(invoice, order, user)
    return order


def invoice_warnings(invoice: Invoice) -> tuple[Check, ...]:
    """The warnings a pending note waits for; empty for every other note and for a damaged file."""
    if invoice.status != InvoiceStatus.PENDING:
        return ()
    try:
        checks = _checks_of(invoice, invoice.wanted_order)
    except InvoiceRefused:
        return ()
    return warnings_open(invoice, invoice.wanted_order, checks)


def order_checks(invoice: Invoice, reading: NfeReading | None) -> tuple[Check, ...]:
    """The gate's rules about the note beside its order, or the one it waits for; none without either."""
    order = invoice.order or invoice.wanted_order
    return () if order is None or reading is None else _judged_with(reading, order, invoice)


def invoices_link(*, orders: Mapping[int, int], user: User | None) -> list[RowResult]:
    """Link many notes, invoice id to order id, each in its own transaction; one result per note, in order."""
    return [_link_result(invoice_id, order_id, user) for invoice_id, order_id in orders.items()]


@transaction.atomic
def invoice_unlink(*, invoice_id: int, user: User | None) -> None:
    """Take a note off its order while nothing of it has left. Raises `InvoiceRefused`.

    The order keeps its situation: what follows is linking the right note. A pending note lets go of the order
    it waits for.
    """
    if _let_go(invoice_id, user):
        return
    order = Order.objects.filter(invoices=invoice_id).lock_for_update().first()
    invoice = Invoice.objects.filter(pk=invoice_id, order=order).lock_for_update().first()
    if order is None or invoice is None:
        return
    problem = unlink_problem(invoice, order)
    if problem:
        raise InvoiceRefused(problem)
    invoice.order = invoice.store = None
    invoice.save(update_fields=["order", "store", "updated_at"])
    draft = EventDraft(order.pk, "invoice_unlinked", f"{invoice} desvinculada", invoice.get_absolute_url())
    order_events_append(drafts=[draft], actor=user)


@transaction.atomic
def invoice_carrier_set(
    *, invoice_id: int, carrier_id: int | None, shipping_method_id: int | None, user: User | None
) -> bool:
    """Choose *transportadora* and *forma de envio* beside the XML; False when nothing changed.

    Without a carrier the method's own is taken. Raises `InvoiceRefused` for rows of another company.
    """
    invoice = Invoice.objects.filter(pk=invoice_id).lock_for_update().get()
    carrier = _own(Carrier.objects.all(), carrier_id, invoice, "A transportadora")
    method = _own(
        ShippingMethod.objects.select_related("carrier"), shipping_method_id, invoice, "A forma de envio"
    )
    if carrier is None and method is not None:
        carrier = method.carrier
    before = (invoice.carrier_id, invoice.shipping_method_id)
    invoice.carrier, invoice.shipping_method = carrier, method
    if before == (invoice.carrier_id, invoice.shipping_method_id):
        return False
    invoice.save(update_fields=["carrier", "shipping_method", "updated_at"])
    if invoice.order_id is not None:
        text = f"Forma de envio ou transportadora da {invoice} alterada"
        draft = EventDraft(invoice.order_id, "invoice_carrier", text, invoice.get_absolute_url())
        order_events_append(drafts=[draft], actor=user)
    return True


def company_facts(company: Company) -> CompanyFacts:
    return CompanyFacts(
        frozenset(company.tax_ids()),
        company.fiscal_environment,
        now=timezone.now(),
        refuse_other_certificate=settings.NFE_OTHER_CERTIFICATE == "refuse",
    )


def unlink_problem(invoice: Invoice, order: Order) -> str:
    """Why the note can no longer be taken off its order, or an empty text. One query at most."""
    if invoice.status in OUT_OF_FORCE:
        return "A nota está cancelada e fica na história do pedido. Para ele andar, vincule a nota que vale."
    if OrderStatus(order.status).rank >= OrderStatus.READY_TO_SHIP.rank:
        return "O pedido já está pronto para envio ou enviado: a nota não pode mais ser trocada."
    pushes = PushJob.objects.facts().filter(store_id=order.store_id, payload__invoice_id=invoice.pk)
    states = set(pushes.values_list("state", flat=True))
    if JobState.DONE in states:
        return "Os dados da nota já foram enviados ao e-commerce: a nota não pode mais ser trocada."
    if states & {JobState.PENDING, JobState.CLAIMED}:
        return "Os dados da nota estão na fila de envio ao e-commerce. Cancele o envio antes de desvincular."
    return ""


def replace_problem(invoice: Invoice, order: Order) -> str:
    """Why no other note can take the place of this one, or an empty text."""
    if invoice.order_id != order.pk or invoice.status in OUT_OF_FORCE:
        return "A nota não está mais em vigor neste pedido. Envie a nota que vale em Notas Fiscais."
    if OrderStatus(order.status).rank >= OrderStatus.SHIPPED.rank:
        return "O pedido já foi enviado ou encerrado: o e-commerce não aceita mais outra nota."
    return ""


def invoice_reading(invoice: Invoice) -> NfeReading:
    """What the stored file of `invoice` says. Raises `DocumentDamaged`."""
    return read(parse(InvoiceDocument.objects.get(invoice=invoice).read()))


def _link_result(invoice_id: int, order_id: int, user: User | None) -> RowResult:
    try:
        warnings = invoice_link(invoice_id=invoice_id, order_id=order_id, user=user)
    except InvoiceRefused as refused:
        return RowResult(invoice_id, Outcome.REFUSED, str(refused))
    if warnings:
        return RowResult(invoice_id, Outcome.REFUSED, " ".join((*warnings, PROCEED)))
    order = Order.objects.only("number").get(pk=order_id)
    return RowResult(invoice_id, Outcome.DONE, f"Vinculada ao pedido {order.number}.")


def _import_entry(upload: _Upload, entry: Entry, facts: CompanyFacts) -> ImportResult:
    if not entry.is_note:
        return upload.result(ImportOutcome.SKIPPED, "Não é um XML: nada foi lido deste arquivo.")
    if entry.problem:
        return upload.refused(Check("archive", "ZIP que se abre", refuse(entry.problem)))
    return _import(upload, facts)


def _import(upload: _Upload, facts: CompanyFacts) -> ImportResult:
    verdict = judge(upload.content, company=facts)
    if verdict.event is not None and not verdict.refusals:
        return _event(upload, verdict.event)
    if not verdict.accepted or verdict.reading is None:
        return upload.refused(*verdict.checks)
    if upload.order is not None and upload.order.company_id != upload.company.pk:
        return upload.result(ImportOutcome.REFUSED, FOREIGN_ORDER)
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
def _store(upload: _Upload, reading: NfeReading, file_checks: tuple[Check, ...]) -> ImportResult:
    company_imports_lock(upload.company)
    known = Invoice.objects.filter(access_key=reading.access_key).select_related("order").first()
    if known is not None:
        problem = _known_problem(known, upload)
        is_placed = known.order is not None or (upload.order is None and known.wanted_order_id is not None)
        if problem or is_placed or known.status in OUT_OF_FORCE:
            return _answer_known(known, problem, upload)
    cancellation = cancellation_of(upload.company, reading.access_key)
    if cancellation is not None and known is None:
        invoice = _create(upload, reading, cancelled_at=cancellation.registered_at)
        return upload.result(ImportOutcome.CANCELLED, STORED_CANCELLED, invoice=invoice)
    wanted = _wanted_order(upload, reading)
    order_checks = _judged_with(reading, wanted.order) if wanted.order is not None else ()
    if wanted.order is not None and (wanted.text or messages(order_checks, Severity.REFUSE)):
        known_only_here = [_order_check(wanted.text)] if wanted.text else []
        return upload.refused(*known_only_here, *order_checks)
    invoice = known or _create(upload, reading)
    held_by = warnings_open(invoice, wanted.order, (*file_checks, *order_checks))
    if held_by:
        note_hold(invoice, wanted.order, place_of=upload.replaces)
        texts = messages(held_by, Severity.WARN)
        return upload.result(ImportOutcome.HELD, *texts, PROCEED, invoice=invoice, order=wanted.order)
    if wanted.order is None:
        outcome = ImportOutcome.ALREADY if known else ImportOutcome.IMPORTED
        return upload.result(outcome, wanted.text, invoice=invoice)
    if upload.replaces is not None:
        _release(upload.replaces, invoice, wanted.order, upload.user)
    _link(invoice, wanted.order, upload.user)
    return upload.result(ImportOutcome.LINKED, invoice=invoice, order=wanted.order)


def _checks_of(invoice: Invoice, order: Order | None) -> tuple[Check, ...]:
    """Warnings of the stored file as they stand today, then the checks beside `order`."""
    try:
        content = InvoiceDocument.objects.get(invoice=invoice).read()
    except DocumentDamaged:
        raise InvoiceRefused(DAMAGED) from None
    verdict = judge(content, company=company_facts(invoice.company))
    file_warnings = tuple(check for check in verdict.checks if check.warns)
    if order is None:
        return file_warnings
    return (*file_warnings, *_judged_with(read(parse(content)), order, invoice))


def _refuse_to_link(order: Order, checks: tuple[Check, ...], replaces: Invoice | None = None) -> None:
    refusals = messages(checks, Severity.REFUSE)
    problem = _order_problem(order, replaces)
    if problem or refusals:
        raise InvoiceRefused(" ".join(filter(None, (problem, *refusals))))


def _wanted_order_locked(invoice_id: int) -> Order | None:
    wanted = Invoice.objects.filter(pk=invoice_id).values_list("wanted_order_id", flat=True).first()
    return Order.objects.filter(pk=wanted).lock_for_update().get() if wanted is not None else None


def _let_go(invoice_id: int, user: User | None) -> bool:
    """True when a pending note let go of the order it waited for."""
    order = _wanted_order_locked(invoice_id)
    if order is None:
        return False
    invoice = Invoice.objects.filter(pk=invoice_id, wanted_order=order).lock_for_update().first()
    if invoice is None:
        return False
    if warnings_open(invoice, None, _checks_of(invoice, None)):
        note_hold(invoice, None, place_of=None)
    else:
        note_release(invoice)
    text = f"{invoice} não espera mais por este pedido"
    draft = EventDraft(order.pk, "invoice_unlinked", text, invoice.get_absolute_url())
    order_events_append(drafts=[draft], actor=user)
    return True


def _known_problem(known: Invoice, upload: _Upload) -> str:
    digests = InvoiceDocument.objects.filter(invoice=known).values_list("sha256", flat=True)
    if known.company_id != upload.company.pk or list(digests) != [_sha256(upload.content)]:
        return "Já existe uma nota com esta chave e outro conteúdo. Confira qual dos arquivos é o original."
    if upload.order is not None and known.order_id not in (None, upload.order.pk):
        return "A nota já está vinculada a outro pedido. Desvincule-a antes, na página da nota."
    return ""


def _answer_known(known: Invoice, problem: str, upload: _Upload) -> ImportResult:
    if problem:
        return upload.refused(_order_check(problem))
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
    problem = _order_problem(order, upload.replaces)
    if problem and upload.order is None:
        return Match(None, problem)
    return Match(order, problem)


def _order_problem(order: Order, replaces: Invoice | None = None) -> str:
    if order.status == OrderStatus.CANCELLED:
        return f"O pedido {_label(order)} está cancelado."
    in_force = Invoice.objects.filter(order=order).exclude(status__in=OUT_OF_FORCE)
    if replaces is not None:
        in_force = in_force.exclude(pk=replaces.pk)
    other = in_force.first()
    if other is not None:
        return f"O pedido {_label(order)} já tem a {other}. Cancele-a ou desvincule-a antes."
    return ""


def _judged_with(reading: NfeReading, order: Order, invoice: Invoice | None = None) -> tuple[Check, ...]:
    """The checks of the note beside `order`; `invoice` is its row, when it is stored."""
    tax_id = Buyer.objects.filter(order=order).values_list("tax_id", flat=True).first()
    linked = invoice.order if invoice is not None and invoice.order_id != order.pk else None
    facts = OrderFacts(
        label=_label(order),
        buyer_tax_id=tax_id or "",
        total=order.total,
        placed_at=order.placed_at,
        cancelled=cancellation_of(order.company, reading.access_key) is not None,
        linked_to=_label(linked) if linked is not None else "",
    )
    return match(reading, order=facts)


def _order_check(text: str) -> Check:
    """A refusal that only the database knows of, as one more check of the gate."""
    return Check("order", "Nota e pedido livres", refuse(text))


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


def _link(invoice: Invoice, order: Order, user: User | None) -> None:
    """The order is locked and has been judged beside the note."""
    method_id = invoice.shipping_method_id or order.shipping_method_id
    # Conditional, because the note itself may have been looked at before the order was locked.
    changed = Invoice.objects.filter(pk=invoice.pk, order__isnull=True).update(
        order=order,
        store_id=order.store_id,
        shipping_method_id=method_id,
        replaced_by=None,
        wanted_order=None,
        wanted_place_of=None,
        status=issued_status(invoice) if invoice.status == InvoiceStatus.PENDING else invoice.status,
        updated_at=timezone.now(),
    )
    if not changed:
        raise InvoiceRefused("A nota acabou de ser vinculada a outro pedido. Atualize a página e confira.")
    invoice.refresh_from_db()
    draft = EventDraft(
        order_id=order.pk,
        kind="invoice_linked",
        text=f"{invoice} autorizada e vinculada",
        link=invoice.get_absolute_url(),
        data={"invoice_id": invoice.pk},
    )
    order_events_append(drafts=[draft], actor=user)
    orders_status_set(wanted={order.pk: OrderStatus.INVOICED}, actor=user, reason="NF-e autorizada")
    channels.invoice_authorised([invoice.pk])


def _release(older: Invoice, newer: Invoice, order: Order, user: User | None) -> None:
    """Take `older` off the locked order for `newer`, which has been judged and stored."""
    held = Invoice.objects.filter(pk=older.pk).lock_for_update().get()
    problem = replace_problem(held, order)
    if problem:
        raise InvoiceRefused(problem)
    Invoice.objects.filter(pk=held.pk).update(order=None, replaced_by=newer, updated_at=timezone.now())
    text = f"{held} substituída pela {newer}"
    draft = EventDraft(order.pk, "invoice_replaced", text, held.get_absolute_url())
    order_events_append(drafts=[draft], actor=user)


def _own(rows: models.QuerySet[RowT], pk: int | None, invoice: Invoice, name: str) -> RowT | None:
    if pk is None:
        return None
    found = rows.filter(pk=pk, company_id=invoice.company_id).first()
    if found is None:
        raise InvoiceRefused(f"{name} escolhida não existe mais. Atualize a página e escolha outra.")
    return found


def _label(order: Order) -> str:
    return f"{order.number} ({order.external_id})" if order.external_id else str(order.number)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _clean_name(name: str) -> str:
    """File names are typed by strangers: PostgreSQL refuses NUL and lone surrogates."""
    return "".join(char for char in name if char.isprintable())[:120] or "arquivo sem nome"
