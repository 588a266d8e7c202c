"""*Conexão*: the name of the integration and the seller account behind it."""

from __future__ import annotations

from typing import Any

from django import forms

from erp.accounts.models import Store
from kwai_integration.models import ConnectionHealth, StepKey
from kwai_integration.setup.step import Level, SetupCheck, StepDefinition, StepForm

# What cannot be done without a scope (contract section 2).
SCOPE_NEEDS = {
    "merchant_order": (Level.BLOCKING, "receber pedidos e enviar nota, rastreio e entrega"),
    "merchant_item": (Level.WARNING, "ler anúncios e enviar estoque e preço"),
}


class ConnectionForm(StepForm):
    name = forms.CharField(
        label="Nome da integração no ERP", max_length=80, help_text="Aparece nos filtros e nos pedidos."
    )

    def current(self) -> dict[str, Any]:
        return {"name": self.store.name}

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        twins = Store.objects.filter(company_id=self.store.company_id, name=name)
        if twins.exclude(pk=self.store.pk).exists():
            raise forms.ValidationError(f"Já existe uma integração chamada {name}. Escolha outro nome.")
        return name

    def save(self) -> str:
        self.store.name = self.cleaned_data["name"]
        self.store.save(update_fields=["name"])
        return ""


class ConnectionStep(StepDefinition):
    key = StepKey.CONNECTION
    form_class = ConnectionForm
    template = "kwai/step_connection.html"

    def checks(self, store: Store) -> list[SetupCheck]:
        account = store.kwai_account
        if not account.is_connected:
            text = f"{ConnectionHealth(account.health).label}. Use conectar com Kwai."
            return [SetupCheck(Level.BLOCKING, "Conta do Kwai", text, self.key, "connection")]
        whose = f"Conectada à loja {account.shop_name} ({account.merchant_id})."
        return [
            SetupCheck(Level.OK, "Conta do Kwai", whose, self.key, "connection"),
            *self._scope_checks(store),
        ]

    def _scope_checks(self, store: Store) -> list[SetupCheck]:
        granted = set(store.kwai_account.scopes.split(","))
        missing = [(scope, *need) for scope, need in SCOPE_NEEDS.items() if scope not in granted]
        if not missing:
            text = "O Kwai autorizou pedidos e produtos."
            return [SetupCheck(Level.OK, "Permissões", text, self.key, "connection")]
        return [
            SetupCheck(
                level,
                f"Permissão {scope}",
                f"Sem ela não é possível {need}. Use conectar com Kwai e autorize todas as permissões.",
                self.key,
                "connection",
            )
            for scope, level, need in missing
        ]
