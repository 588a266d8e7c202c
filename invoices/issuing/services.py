"""*Gerar nota fiscal*: one attempt is one row, and any process may take it up where another died.

claim (lease) → number and signed note in one transaction → the issuer, with no transaction open → the answer
goes through the same intake as an uploaded file → settle, fenced by the lease.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from erp.accounts.models import Company, Counter, User
from erp.channels import RowOutcome, RowResult, row_already, row_refused
from erp.clock import after, reached
from erp.refusals import Refusal
from erp.sales.models import Order
from erp.sales.timeline import order_event
from erp.scheduling import wake_after_commit
from invoices import refusals
from invoices.imports import invoices_import
from invoices.issuing.draft import Draft
from invoices.issuing.drafts import drafts_read
from invoices.issuing.issuers import (
    Answer,
    Authorised,
    BuildRefused,
    IssueRefused,
    IssuerUnavailable,
    NFeIssuer,
    Numbering,
    Queued,
    SignedInvoice,
    issuer_named,
    issuer_of,
)
from invoices.issuing.models import OPEN, InvoiceIssue, InvoiceNumberGap, IssueState
from invoices.issuing.requirements import Lack, lacks
from invoices.linking import InvoiceRefused
from invoices.models import ISSUED, DocumentDamaged, Invoice, InvoiceDocument

LONGEST_WAIT: Final = 600
LARGEST_NUMBER: Final = 999_999_999
SHOWN_LACKS: Final = 4


def draft_lacks(draft: Draft, issuer: NFeIssuer | None = None) -> tuple[Lack, ...]:
    """Common requirements first, then the issuer's own."""
    return (*lacks(draft), *(issuer.lacks(draft) if issuer is not None else ()))


def invoices_issue(*, company: Company, order_ids: Sequence[int], user: User | None) -> list[RowResult]:
    """Ask the company's issuer for a note per order; one result per id, in order.

    Asking twice, here or in another process, makes one note: the second finds the first's open attempt.
    """
    issuer = issuer_of(company)
    drafts = drafts_read(order_ids)
    return [_issue_one(pk, drafts.get(pk), issuer, user) for pk in order_ids]


def _issue_one(order_id: int, draft: Draft | None, issuer: NFeIssuer, user: User | None) -> RowResult:
    if draft is None:
        return row_refused(order_id, refusals.ORDER_GONE)
    missing = draft_lacks(draft, issuer)
    if missing:
        return row_refused(order_id, lacks_refusal(missing))
    issue, is_new = issue_request(order_id=order_id, issuer=issuer, user=user)
    if issue is None:
        return row_already(order_id, "O pedido já tem nota fiscal.")
    if issuer.answers_at_once:
        issue_advance(issue.pk)
        issue.refresh_from_db()
    return _result(issue, is_new)


def lacks_refusal(missing: Sequence[Lack]) -> Refusal:
    shown = " ".join(lack.text for lack in missing[:SHOWN_LACKS])
    rest = len(missing) - SHOWN_LACKS
    return refusals.LACKS.of(lacks=f"{shown} E mais {rest}." if rest > 0 else shown)


def _result(issue: InvoiceIssue, is_new: bool) -> RowResult:
    if issue.state == IssueState.AUTHORISED and issue.invoice is not None:
        url = issue.invoice.get_absolute_url()
        text = f"{issue.invoice} autorizada. {issue.reason}".strip()
        return RowResult(issue.order_id, RowOutcome.DONE, text, url=url)
    if issue.state == IssueState.REFUSED:
        return row_refused(issue.order_id, refusals.ISSUER_REFUSED.of(reason=issue.reason))
    outcome = RowOutcome.QUEUED if is_new else RowOutcome.ALREADY_QUEUED
    return RowResult(issue.order_id, outcome, issue.reason or "A nota está sendo autorizada.")


@transaction.atomic
def issue_request(*, order_id: int, issuer: NFeIssuer, user: User | None) -> tuple[InvoiceIssue | None, bool]:
    """The order's open attempt, and whether this call opened it; None when a note is in force by now."""
    order = Order.objects.filter(pk=order_id).lock_for_update().select_related("company").get()
    current = InvoiceIssue.objects.filter(order=order, state__in=OPEN).first()
    if current is not None:
        return current, False
    if Invoice.objects.claiming([order_id]).exists():
        return None, False
    issue = InvoiceIssue.objects.create(
        company=order.company,
        order=order,
        attempt=InvoiceIssue.objects.filter(order=order).count() + 1,
        issuer=issuer.key,
        environment=order.company.fiscal_environment,
        requested_by=user,
    )
    if not issuer.answers_at_once:
        order_event(order_id, "invoice_issue_requested", "Nota fiscal pedida ao emissor", actor=user)
        wake_after_commit("invoices.tasks.issue_advance", issue_id=issue.pk)
    return issue, True


def issues_due(limit: int = 50) -> list[int]:
    """Open attempts that nobody works at and whose time has come: what the sweep takes up."""
    due = reached("not_before", timedelta(seconds=LONGEST_WAIT))
    found = InvoiceIssue.objects.free().filter(due, state__in=OPEN)
    return list(found.order_by("pk").values_list("pk", flat=True)[:limit])


def issue_advance(issue_id: int) -> None:
    """Drive an attempt as far as its issuer answers now. Safe to repeat, and to run twice at once."""
    lease = _claim(issue_id)
    if lease is None:
        return
    prepared = _prepare(issue_id, lease)
    if prepared is None:
        return
    issue, issuer = prepared
    try:
        answer = _ask(issue, issuer)
    except IssuerUnavailable as problem:
        _wait(issue, min(15 * 2 ** min(issue.calls, 6), LONGEST_WAIT), str(problem))
        return
    _settle(issue, answer)


def cancel_issuer(invoice: Invoice) -> NFeIssuer | None:
    """The issuer that made the note and can cancel it while it is in force; None for an imported one."""
    made = InvoiceIssue.objects.filter(invoice=invoice).values_list("issuer", flat=True).first()
    return issuer_named(made) if made is not None and invoice.status in ISSUED else None


def invoice_cancel(*, invoice: Invoice, reason: str, user: User) -> str:
    """Cancel a note made here and take its event in like an uploaded file; answers what happened.

    Asking again after a crash is safe: an event is kept once per note. Raises `InvoiceRefused`.
    """
    issuer = cancel_issuer(invoice)
    if issuer is None:
        raise InvoiceRefused(refusals.NOT_MADE_HERE)
    try:
        answer = issuer.cancel(InvoiceDocument.objects.get(invoice=invoice).read(), reason)
    except DocumentDamaged:
        raise InvoiceRefused(refusals.DAMAGED) from None
    except IssuerUnavailable as problem:
        raise InvoiceRefused(refusals.ISSUER_UNAVAILABLE.of(problem=problem)) from None
    if isinstance(answer, IssueRefused):
        raise InvoiceRefused(refusals.ISSUER_REFUSED.of(reason=answer.reason))
    if isinstance(answer, Queued):
        return "O cancelamento foi pedido; a resposta ainda não veio."
    name = f"{invoice.access_key}-procEventoNFe.xml"
    (result,) = invoices_import(company=invoice.company, files=[(name, answer.document)], user=user)
    return " ".join(result.texts)


def _claim(issue_id: int) -> uuid.UUID | None:
    return InvoiceIssue.objects.filter(pk=issue_id, state__in=OPEN).claim()


@transaction.atomic
def _prepare(issue_id: int, lease: uuid.UUID) -> tuple[InvoiceIssue, NFeIssuer] | None:
    """Number and signed note, once and together, so that a crash leaves both or neither; counts the call."""
    rows = InvoiceIssue.objects.filter(pk=issue_id, state__in=OPEN).held(lease)
    issue = rows.select_for_update(of=("self",)).select_related("company", "requested_by").first()
    if issue is None:
        return None
    issuer = issuer_named(issue.issuer)
    if issuer is None:
        _refuse(issue, IssueRefused("issuer", refusals.NO_ISSUER, number_is_free=False))
        return None
    if issue.content is None:
        try:
            with transaction.atomic():  # what is refused here gives its number back
                _build(issue, issuer)
        except BuildRefused as refused:
            _refuse(issue, IssueRefused("build", str(refused), number_is_free=False))
            return None
    issue.calls += 1  # the row is locked and leased
    issue.save()
    return issue, issuer


def _build(issue: InvoiceIssue, issuer: NFeIssuer) -> None:
    # Read again under the lock: the order may have been cancelled since the click.
    Order.objects.filter(pk=issue.order_id).lock_for_update().get()
    draft = drafts_read([issue.order_id])[issue.order_id]
    missing = draft_lacks(draft, issuer)
    if missing:
        raise BuildRefused(lacks_refusal(missing))
    series = issue.company.invoice_series
    number = _number_take(issue.company, issue.environment, series)
    signed = issuer.build(draft, Numbering(series, number, timezone.now()))
    issue.series, issue.number = series, number
    issue.access_key, issue.content = signed.access_key, signed.content


def _number_take(company: Company, environment: str, series: int) -> int:
    """The lowest number that was taken in vain, else the next; a rollback undoes either.

    A note of the series that was made elsewhere moves the sequence past itself.
    """
    own = {"environment": environment, "series": series}
    gap = InvoiceNumberGap.objects.select_for_update().filter(company=company, **own).order_by("number")
    for found in gap[:1]:
        found.delete()
        return found.number
    name = f"nfe:{environment}:{series}"
    (number,) = Counter.objects.take(company_id=company.pk, name=name)
    used = Invoice.objects.filter(company=company, issuer_tax_id=company.tax_id, **own)
    highest = used.aggregate(highest=Max("number"))["highest"] or 0
    if highest >= number:
        Counter.objects.filter(company=company, name=name).update(value=highest + 1)
        number = highest + 1
    if number > LARGEST_NUMBER:
        raise BuildRefused(refusals.SERIES_SPENT)
    return number


def _ask(issue: InvoiceIssue, issuer: NFeIssuer) -> Answer:
    signed = SignedInvoice(issue.access_key, bytes(issue.content or b""))
    if issue.calls > 1:
        known = issuer.find(signed, issue.receipt)
        if known is not None:
            return known
    return issuer.send(signed)


def _settle(issue: InvoiceIssue, answer: Answer) -> None:
    if isinstance(answer, Queued):
        _wait(issue, answer.seconds, "", receipt=answer.receipt)
    elif isinstance(answer, IssueRefused):
        with transaction.atomic():
            if _is_ours(issue):
                _refuse(issue, answer)
    else:
        _take_in(issue, answer)


def _take_in(issue: InvoiceIssue, answer: Authorised) -> None:
    """Validated like any uploaded file; doing it again after a crash finds the note already there."""
    order = Order.objects.get(pk=issue.order_id)
    (result,) = invoices_import(
        company=issue.company,
        files=[(f"{issue.access_key}-procNFe.xml", answer.document)],
        user=issue.requested_by,
        order=order,
    )
    with transaction.atomic():
        if not _is_ours(issue):
            return
        invoice = Invoice.objects.filter(company=issue.company, access_key=issue.access_key).first()
        if invoice is None:
            _refuse(issue, IssueRefused("validation", " ".join(result.texts), number_is_free=False))
            return
        issue.state, issue.invoice = IssueState.AUTHORISED, invoice
        issue.reason = " ".join(result.texts)[:500]
        issue.content = b""  # the invoice's document holds the buyer's data now, once is enough
        _release(issue)


def _refuse(issue: InvoiceIssue, answer: IssueRefused) -> None:
    """Close the attempt; called inside a transaction that holds its row."""
    issue.state = IssueState.REFUSED
    issue.reason_code, issue.reason = answer.code[:20], answer.reason[:500]
    _release(issue)
    if issue.number is not None and issue.series is not None and answer.number_is_free:
        InvoiceNumberGap.objects.get_or_create(
            company_id=issue.company_id,
            environment=issue.environment,
            series=issue.series,
            number=issue.number,
        )
    text = f"Nota fiscal não autorizada: {issue.reason}"
    order_event(issue.order_id, "invoice_issue_refused", text, actor=issue.requested_by)


def _wait(issue: InvoiceIssue, seconds: int, reason: str, *, receipt: str = "") -> None:
    """Open still: somebody takes it up again after `seconds`."""
    InvoiceIssue.objects.filter(pk=issue.pk, state__in=OPEN).release(
        issue.lease_token,
        state=IssueState.SENT,
        receipt=receipt[:40] or issue.receipt,
        reason=reason[:500],
        not_before=after(timedelta(seconds=min(seconds, LONGEST_WAIT))),
    )


def _release(issue: InvoiceIssue) -> None:
    issue.lease_drop()
    issue.save()


def _is_ours(issue: InvoiceIssue) -> bool:
    """Locked, and nobody has taken the attempt over while the issuer was asked."""
    rows = InvoiceIssue.objects.select_for_update().filter(pk=issue.pk, state__in=OPEN)
    return rows.held(issue.lease_token).first() is not None
