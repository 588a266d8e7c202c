"""*Gerar nota fiscal*: what each order lacks, then one result per order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from erp.accounts.models import User
from erp.accounts.permissions import may
from erp.channels import RowOutcome, RowResult
from erp.sales.models import Order
from erp.web.lists import action_asked
from erp.web.requests import company_of, ids_of, undone_first, user_of
from erp.web.results import results_named
from invoices.forms import InvoiceCancelForm
from invoices.issuing.draft import Draft
from invoices.issuing.drafts import drafts_read
from invoices.issuing.issuers import NFeIssuer, issuer_of
from invoices.issuing.models import OPEN, InvoiceIssue
from invoices.issuing.requirements import Lack, Where
from invoices.issuing.services import draft_lacks, invoice_cancel, invoices_issue
from invoices.linking import InvoiceRefused
from invoices.models import ISSUED, Invoice
from invoices.next_steps import invoices_next_steps

MAX_ORDERS = 100

# Page, URL name whose POST the role needs, and whether the address takes the lack's id.
PAGES: dict[Where, tuple[str, bool]] = {
    Where.ORDER: ("sales:order", True),
    Where.BUYER: ("sales:order_buyer", True),
    Where.ADDRESS: ("sales:order_address", True),
    Where.COMPANY: ("company", False),
    Where.PRODUCT: ("catalog:product", True),
    Where.UPLOAD: ("invoices:upload", False),
}


@dataclass(frozen=True)
class ShownLack:
    """`url` is empty when the role may not change it, and for the order itself."""

    text: str
    url: str


@dataclass(frozen=True)
class IssuePreview:
    """One order of the page. `refused` tells why the last attempt failed, `waiting` that one is under way.
    That the company imports its notes is said once for the page, not in `lacks`."""

    draft: Draft
    lacks: Sequence[ShownLack]
    refused: str
    waiting: bool

    @property
    def ready(self) -> bool:
        return not self.lacks and not self.waiting


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_issue(request: HttpRequest) -> HttpResponse:
    """A list's action comes by POST and is led to the address of its page; `confirm` makes the notes."""
    user = user_of(request)
    company = company_of(request)
    if request.method == "POST" and "confirm" not in request.POST:
        _, asked = action_asked(request.POST)
        noted = Invoice.objects.filter(order__in=asked, status__in=ISSUED).values_list("order_id", flat=True)
        ids, left = undone_first(asked, set(noted), MAX_ORDERS)
        if left:
            shown = f"Aqui estão {len(ids)} dos {len(asked)} pedidos marcados."
            then = f"Gere estes e repita com os mesmos: os outros {left} vêm então."
            messages.warning(request, f"{shown} {then}")
        return redirect(_address(ids))
    ids = _reachable(request.POST.getlist("ids") or request.GET.getlist("order"), user)
    results: list[RowResult] = []
    if request.method == "POST":
        results = invoices_issue(company=company, order_ids=ids, user=user)
        if len(results) == 1 and results[0].outcome is RowOutcome.DONE and results[0].url:
            messages.success(request, results[0].text)
            return redirect(results[0].url)
    done = {result.id for result in results if result.outcome is RowOutcome.DONE}
    return _page(request, ids, issuer_of(company), results, done)


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_cancellation(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel a note that was made here; an imported one is cancelled where it was made."""
    user = user_of(request)
    invoice = get_object_or_404(Invoice.objects.visible_to(user).select_related("company"), pk=pk)
    form = InvoiceCancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            text = invoice_cancel(invoice=invoice, reason=form.cleaned_data["reason"], user=user)
            messages.success(request, text)
        except InvoiceRefused as refused:
            messages.error(request, str(refused))
        return redirect(invoice)
    context = {
        "form": form,
        "title": f"Cancelar a {invoice}",
        "pretitle": "Vendas · Notas Fiscais",
        "submit_label": "Cancelar a nota",
        "cancel_url": invoice.get_absolute_url(),
    }
    return render(request, "components/form_page.html", context)


def _address(ids: Sequence[int]) -> str:
    """Where the page of these orders is."""
    return f"{reverse('invoices:issue')}?{urlencode([('order', pk) for pk in ids])}"


def _reachable(texts: Sequence[str], user: User) -> list[int]:
    asked = ids_of(texts)[:MAX_ORDERS]
    return list(
        Order.objects.visible_to(user).filter(pk__in=asked).order_by("number").values_list("pk", flat=True)
    )


def _page(
    request: HttpRequest,
    ids: Sequence[int],
    issuer: NFeIssuer,
    results: Sequence[RowResult],
    done: Collection[int],
) -> HttpResponse:
    """The orders with what they lack, under the results of those asked for; `done` ones are not repeated."""
    drafts = drafts_read(ids)
    attempts = _last_attempts(ids)
    previews = [
        _preview(drafts[pk], issuer, attempts.get(pk), user_of(request)) for pk in ids if pk not in done
    ]
    names = {
        pk: (f"Pedido {draft.number}", reverse("sales:order", args=[pk])) for pk, draft in drafts.items()
    }
    context = {
        "previews": previews,
        "single": previews[0] if len(previews) == 1 else None,
        "again_url": _address([preview.draft.order_id for preview in previews]),
        "ready": [preview.draft.order_id for preview in previews if preview.ready],
        "issuer": issuer,
        "imports": any(
            lack.where is Where.UPLOAD for draft in drafts.values() for lack in issuer.lacks(draft)
        ),
        "results": results_named(issuer.action_label, results, names) if results else None,
        "next_steps": invoices_next_steps(Invoice.objects.filter(order__in=done)) if done else [],
    }
    return render(request, "invoices/issue.html", context)


def _last_attempts(ids: Sequence[int]) -> dict[int, InvoiceIssue]:
    rows = InvoiceIssue.objects.filter(order__in=ids).defer("content").order_by("attempt")
    return {row.order_id: row for row in rows}


def _preview(draft: Draft, issuer: NFeIssuer, last: InvoiceIssue | None, user: User) -> IssuePreview:
    found = [lack for lack in draft_lacks(draft, issuer) if lack.where is not Where.UPLOAD]
    waiting = last is not None and last.state in OPEN
    refused = last.reason if last is not None and last.state == "refused" and not draft.invoice else ""
    return IssuePreview(draft, [ShownLack(lack.text, _url(lack, user)) for lack in found], refused, waiting)


def _url(lack: Lack, user: User) -> str:
    name, takes_id = PAGES[lack.where]
    if lack.where is Where.ORDER or not may(user, name, "POST"):
        return ""
    url = reverse(name, args=[lack.id] if takes_id else [])
    if lack.where is Where.UPLOAD:
        return f"{url}?order={lack.id}"
    if lack.where is Where.PRODUCT and lack.field != "gtin":
        return f"{url}?fiscal=1#fiscal"
    return f"{url}#id_{lack.field}" if lack.field else url
