"""*Cadastros* of sales: carriers, shipping and payment methods. One declaration per page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.generic import View

from erp.sales.forms import CarrierForm, PaymentMethodForm, ShippingMethodForm
from erp.sales.models import Carrier, PaymentMethod, ShippingMethod
from erp.sales.services import master_row_save
from erp.web.forms import CompanyForm
from erp.web.lists import Column, Empty, Link, ListPage, Tab
from erp.web.requests import company_of, user_of

NAME = Column("Nome", "components/cells/name.html")
ACTIVE_TABS = (
    Tab("active", "ativas", Q(is_active=True)),
    Tab("inactive", "inativas", Q(is_active=False)),
)


class MasterList(ListPage[Any]):
    """Rows of the user's company, each leading to its form."""

    model: ClassVar[type[Model]]
    singular: ClassVar[str]
    url_stem: ClassVar[str]
    pretitle = "Cadastros"
    tabs = ACTIVE_TABS
    order_by = ("name", "pk")
    search_fields: Sequence[str] = ("name",)
    search_label = "nome"

    @property
    def empty(self) -> Empty:
        return Empty("Nada cadastrado", "Inclua o primeiro cadastro para usá-lo nos pedidos.", self._create())

    def _create(self) -> Link:
        return Link(f"Incluir {self.singular}", reverse(f"{self.url_stem}_create"), "plus", primary=True)

    def queryset(self) -> QuerySet[Any]:
        return self.model._default_manager.filter(company=company_of(self.request))

    def page_links(self) -> list[Link]:
        return [self._create()]

    def row_url(self, obj: Any) -> str:
        return reverse(self.url_stem, args=[obj.pk])


class CarrierList(MasterList):
    model = Carrier
    title = "Transportadoras"
    singular = "transportadora"
    url_stem = "sales:carrier"
    columns = (
        NAME,
        Column("Código no e-commerce", "code", css="font-monospace"),
        Column("CNPJ", 'tax_id|default:"—"', shown_from="md", css="text-secondary"),
    )
    search_fields = ("name", "code", "tax_id")


class ShippingMethodList(MasterList):
    model = ShippingMethod
    title = "Formas de envio"
    singular = "forma de envio"
    url_stem = "sales:shipping_method"
    columns = (
        NAME,
        Column("Tipo", "get_kind_display"),
        Column("Transportadora", 'carrier.name|default:"—"', shown_from="md", css="text-secondary"),
        Column("Prazo (dias úteis)", "delivery_days", numeric=True, stack_label="Dias úteis"),
    )

    def queryset(self) -> QuerySet[Any]:
        return super().queryset().select_related("carrier")


class PaymentMethodList(MasterList):
    model = PaymentMethod
    title = "Formas de recebimento"
    singular = "forma de recebimento"
    url_stem = "sales:payment_method"
    columns = (NAME,)


class MasterForm(View):
    """Create (no pk) or edit one row of the user's company; the change is audited."""

    page: ClassVar[type[MasterList]]
    form_class: ClassVar[type[CompanyForm]]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.user = user_of(request)
        self.company = company_of(self.request)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        return self._show(self._form(pk))

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        form = self._form(pk)
        if not form.is_valid():
            return self._show(form)
        master_row_save(
            row=form.instance, label=self.page.singular, changed=form.changed_data, actor=self.user
        )
        messages.success(request, f"{form.instance} salvo em {self.page.title.lower()}.")
        return redirect(f"{self.page.url_stem}s")

    def _form(self, pk: int | None) -> CompanyForm:
        own = self.page.model._default_manager.filter(company=self.company)
        instance = get_object_or_404(own, pk=pk) if pk else self.page.model()
        return self.form_class(self.request.POST or None, instance=instance, company=self.company)

    def _show(self, form: CompanyForm) -> HttpResponse:
        name = str(form.instance) if form.instance.pk else f"Incluir {self.page.singular}"
        context = {
            "form": form,
            "title": name,
            "pretitle": f"Cadastros · {self.page.title}",
            "cancel_url": reverse(f"{self.page.url_stem}s"),
        }
        return render(self.request, "components/form_page.html", context)


class CarrierEdit(MasterForm):
    page, form_class = CarrierList, CarrierForm


class ShippingMethodEdit(MasterForm):
    page, form_class = ShippingMethodList, ShippingMethodForm


class PaymentMethodEdit(MasterForm):
    page, form_class = PaymentMethodList, PaymentMethodForm
