"""*Usuários*: who may enter, as what, and which stores they see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from erp.accounts.forms import PasswordForm, UserForm
from erp.accounts.models import Company, Role, User
from erp.accounts.users import UserRefused, password_link, user_change, user_create
from erp.web.lists import Column, Empty, Link, ListPage, Tab
from erp.web.requests import company_of, user_of


class UserList(ListPage[User]):
    title = "Usuários"
    pretitle = "Configurações"
    columns = (
        Column("Nome", "accounts/cells/user_name.html"),
        Column("Papel", "get_role_display"),
        Column("Lojas", "accounts/cells/user_stores.html", shown_from="md", css="text-secondary"),
        Column("Último acesso", "accounts/cells/user_last_login.html", shown_from="md", css="text-secondary"),
        Column("Acesso", "accounts/cells/user_access.html"),
    )
    order_by = ("first_name", "username", "pk")
    tabs = (Tab("active", "com acesso", Q(is_active=True)), Tab("off", "sem acesso", Q(is_active=False)))
    search_fields = ("first_name", "last_name", "username", "email")
    search_label = "nome, usuário ou e-mail"
    empty = Empty("Ninguém nesta lista", "Quem perde o acesso fica aqui, com a sua história.")

    def queryset(self) -> QuerySet[User]:
        own = User.objects.filter(company=company_of(self.request))
        return own.prefetch_related("memberships__store")

    def page_links(self) -> Sequence[Link]:
        return [Link("Incluir usuário", reverse("user_create"), "plus", primary=True)]

    def row_url(self, obj: User) -> str:
        return reverse("user", args=[obj.pk])


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Afterwards the page of the new user shows the link with which they choose a password."""
    actor = user_of(request)
    company = company_of(request)
    form = UserForm(request.POST or None, company=company, initial={"role": Role.OPERATOR})
    del form.fields["is_active"]
    if request.method == "POST" and form.is_valid():
        try:
            user = user_create(company_id=company.pk, actor=actor, **form.cleaned_data)
        except UserRefused as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, f"Usuário {user.username} criado. Falta gerar o link de senha.")
            return redirect("user", pk=user.pk)
    return render(request, "accounts/user.html", {"form": form, "title": "Incluir usuário"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    actor = user_of(request)
    user = get_object_or_404(User, pk=pk, company=company_of(request))
    form = _form_of(user, request)
    if request.method == "POST" and form.is_valid():
        try:
            user_change(user=user, actor=actor, **form.cleaned_data)
        except UserRefused as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, "Usuário salvo.")
            return redirect("users")
    return _page(request, user, form)


@never_cache
@require_POST
def link_create(request: HttpRequest, pk: int) -> HttpResponse:
    """*Gerar link de senha*: shown once, on this answer only."""
    actor = user_of(request)
    user = get_object_or_404(User, pk=pk, company=company_of(request), is_active=True)
    link = password_link(user=user, actor=actor)
    return _page(request, user, _form_of(user), link)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class PasswordSet(PasswordResetConfirmView):
    """Where the link leads: its holder chooses a password and then signs in with it."""

    form_class = PasswordForm
    template_name = "accounts/password_set.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Senha salva. Entre com ela.")
        return super().form_valid(form)


def _form_of(user: User, request: HttpRequest | None = None) -> UserForm:
    initial = {name: getattr(user, name) for name in ("first_name", "username", "email", "role", "is_active")}
    initial["stores"] = [membership.store_id for membership in user.memberships.all()]
    data = request.POST if request is not None and request.method == "POST" else None
    return UserForm(data, company=cast(Company, user.company), initial=initial)


def _page(request: HttpRequest, user: User, form: UserForm, link: str = "") -> HttpResponse:
    # The form also stands on the answer that shows a link, whose own address would make another one.
    here = reverse("user", args=[user.pk])
    context = {"form": form, "title": str(user), "edited": user, "link": link, "action_url": here}
    return render(request, "accounts/user.html", context)
