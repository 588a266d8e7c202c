"""*Produtos*: where goods are kept for the orders of this store, and when they leave the balance."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q

from erp.accounts.models import StockExit, Store
from erp.stock.models import Warehouse
from erp.web.forms import rows_offer
from kwai_integration.models import StepKey
from kwai_integration.setup.step import Level, SetupCheck, StepDefinition, StepForm


class ProductsForm(StepForm):
    warehouse = forms.ModelChoiceField(
        Warehouse.objects.none(),
        label="Depósito das reservas",
        required=False,
        help_text=(
            "Os itens de cada pedido são reservados neste depósito. "
            "Uma troca vale para os pedidos que chegarem; o que já está reservado fica onde está."
        ),
    )
    stock_exit_at = forms.ChoiceField(
        label="Lançamento de estoque para saídas",
        choices=StockExit.choices,
        widget=forms.RadioSelect,
        help_text=(
            "Até lá os itens ficam reservados; neste momento o estoque físico baixa. Uma troca vale para "
            "cada pedido aberto na próxima mudança de situação dele; o que já saiu não volta."
        ),
    )

    def __init__(self, data: Any = None, *, store: Store) -> None:
        super().__init__(data, store=store)
        own = Warehouse.objects.filter(company_id=store.company_id)
        chosen = Q(is_active=True) | Q(pk=store.kwai_settings.warehouse_id)
        standard = f"depósito padrão da empresa ({default_warehouse(store) or 'nenhum'})"
        rows_offer(self, "warehouse", own.filter(chosen).order_by("name"), standard)

    def current(self) -> dict[str, Any]:
        return {
            "warehouse": self.store.kwai_settings.warehouse_id,
            "stock_exit_at": self.store.stock_exit_at,
        }

    def save(self) -> str:
        options, store = self.store.kwai_settings, self.store
        options.warehouse = self.cleaned_data["warehouse"]
        options.save(update_fields=["warehouse"])
        store.stock_exit_at = self.cleaned_data["stock_exit_at"]
        store.save(update_fields=["stock_exit_at"])
        return ""


class ProductsStep(StepDefinition):
    key = StepKey.PRODUCTS
    form_class = ProductsForm
    template = "kwai/step_products.html"

    def checks(self, store: Store) -> list[SetupCheck]:
        title, anchor = "Depósito", "id_warehouse"
        chosen = store.kwai_settings.warehouse or default_warehouse(store)
        if chosen is None:
            text = "A empresa não tem depósito padrão. Escolha um depósito ou cadastre o primeiro."
            return [SetupCheck(Level.BLOCKING, title, text, self.key, anchor)]
        if not chosen.is_active:
            text = f"O depósito {chosen} está inativo e não serve para reservar. Escolha outro."
            return [SetupCheck(Level.BLOCKING, title, text, self.key, anchor)]
        return [SetupCheck(Level.OK, title, f"As reservas usam o depósito {chosen}.", self.key, anchor)]


def default_warehouse(store: Store) -> Warehouse | None:
    return Warehouse.objects.filter(company_id=store.company_id, is_default=True).first()
