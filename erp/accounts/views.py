"""The one-time page of the first start, and *Empresa*."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from erp.accounts.backends import BACKEND
from erp.accounts.forms import AdministratorForm, BranchFormSet, CompanyDataForm, CompanySetupForm
from erp.accounts.models import Company
from erp.accounts.services import company_change
from erp.accounts.setup import SetupClosed, setup_finish, setup_is_open, token_is_valid
from erp.brazil.documents import tax_id_format
from erp.web.requests import user_of


@login_not_required
@never_cache
@sensitive_post_parameters("password", "repeated")
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Create the company and the first administrator; closed for ever once a user exists."""
    if not token_is_valid(token) or not setup_is_open():
        return _closed(request)
    company = CompanySetupForm(request.POST or None)
    administrator = AdministratorForm(request.POST or None)
    if request.method == "POST" and all([company.is_valid(), administrator.is_valid()]):
        return _finish(request, company, administrator)
    return render(request, "accounts/setup.html", {"company_form": company, "user_form": administrator})


def _finish(
    request: HttpRequest, company: CompanySetupForm, administrator: AdministratorForm
) -> HttpResponse:
    data = administrator.cleaned_data
    try:
        user = setup_finish(
            company=company.cleaned_data,
            username=data["username"],
            email=data["email"],
            password=data["password"],
        )
    except SetupClosed:
        return _closed(request)
    login(request, user, backend=BACKEND)
    messages.success(request, "Tudo pronto. O próximo passo é conectar a sua loja em Integrações.")
    return redirect("web:home")


def _closed(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/setup_closed.html", {"open": setup_is_open()}, status=410)


@require_http_methods(["GET", "HEAD", "POST"])
def company(request: HttpRequest) -> HttpResponse:
    """*Empresa*: what the notas fiscais say of their issuer, and its branches."""
    user = user_of(request)
    own = get_object_or_404(Company, users=user)
    form = CompanyDataForm(request.POST or None, instance=own, demo=settings.ERP_DEMO)
    branches = BranchFormSet(request.POST or None, instance=own, prefix="branches")
    if request.method == "POST" and form.is_valid() and branches.is_valid():
        company_change(
            company=own,
            changed=form.changed_data,
            branches=branches.save(commit=False),
            actor=user,
        )
        messages.success(request, "Dados da empresa salvos.")
        return redirect("company")
    context = {"form": form, "branches": branches, "tax_id": tax_id_format(own.tax_id)}
    return render(request, "accounts/company.html", context)
