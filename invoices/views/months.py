"""*Fechamento*: totals by month and the ZIP of a period for the accountant."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from erp.accounts.models import FiscalEnvironment
from erp.accounts.permissions import may
from erp.accounts.services import audit_append
from erp.web.requests import company_of, user_of
from invoices.export.period import ExportRefused, Period, export_prepare
from invoices.export.totals import CHART_HEIGHT, CHART_WIDTH, bars, month_totals, years_with_invoices
from invoices.forms import PeriodForm


@require_safe
def invoice_months(request: HttpRequest) -> HttpResponse:
    """One year: chart, table, and what to export."""
    user = user_of(request)
    years = years_with_invoices(user=user)
    typed = request.GET.get("year", "")
    year = int(typed) if typed in map(str, years) else years[0]
    environment = request.GET.get("environment", "")
    if environment not in FiscalEnvironment.values:
        environment = company_of(request).fiscal_environment
    months = month_totals(user=user, year=year, environment=environment)
    context = {
        "year": year,
        "years": years,
        "environment": environment,
        "environments": FiscalEnvironment.choices,
        "months": months,
        "count": sum(month.count for month in months),
        "total": sum(month.total for month in months),
        "cancelled": sum(month.cancelled for month in months),
        "cancelled_total": sum(month.cancelled_total for month in months),
        "bars": bars(months),
        "chart_width": CHART_WIDTH,
        "chart_height": CHART_HEIGHT,
        "exports": may(user, "invoices:export", "POST"),
        "form": PeriodForm(initial={"environment": environment}),
    }
    return render(request, "invoices/months.html", context)


@require_POST
def invoice_export(request: HttpRequest) -> HttpResponseBase:
    """The ZIP, sent as it is read. Its size is told first, so that the browser shows how far it is."""
    user = user_of(request)
    form = PeriodForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, str(errors[0]))
        return redirect("invoices:months")
    period = Period(**form.cleaned_data)
    try:
        export = export_prepare(user=user, period=period)
    except ExportRefused as refused:
        messages.error(request, str(refused))
        return redirect(f"{reverse('invoices:months')}?environment={period.environment}")
    audit_append(
        company_id=company_of(request).pk,
        actor=user,
        action="invoices_export",
        subject=period.name,
        text=f"{export.invoices} notas e {export.events} eventos exportados",
    )
    return StreamingHttpResponse(
        export.chunks(),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{period.name}"',
            "Content-Length": str(export.size),
            "Cache-Control": "private, no-store",
        },
    )
