"""Forms of orders and of what they refer to."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from stdnum.br import cnpj

from erp.accounts.models import Company
from erp.sales.models import (
    Buyer,
    Carrier,
    DeliveryAddress,
    Order,
    PaymentMethod,
    ShippingMethod,
)

STATES = (
    *("AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA"),
    *("PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO"),
)


class CompanyForm(forms.ModelForm[Any]):
    """A form whose rows and choices stay inside one company."""

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.company = company
        self.instance.company = company
        for name in ("carrier", "shipping_method", "payment_method"):
            if name in self.fields:
                field = cast("forms.ModelChoiceField[Any]", self.fields[name])
                current = getattr(self.instance, f"{name}_id", None)
                own = field.queryset.filter(company=company)  # type: ignore[union-attr]
                field.queryset = (own.filter(is_active=True) | own.filter(pk=current)).order_by("name")

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        twins = type(self.instance).objects.filter(company=self.company, name=name)
        if twins.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(f"Já existe um cadastro chamado {name}.")
        return name


class CarrierForm(CompanyForm):
    class Meta:
        model = Carrier
        fields = ["name", "code", "tax_id", "tracking_url", "is_active"]

    def clean_tax_id(self) -> str:
        typed = "".join(c for c in str(self.cleaned_data["tax_id"]).upper() if c.isalnum())
        if typed and not cnpj.is_valid(typed):
            raise forms.ValidationError("CNPJ inválido. Confira os dígitos ou deixe vazio.")
        return typed


class ShippingMethodForm(CompanyForm):
    class Meta:
        model = ShippingMethod
        fields = ["name", "kind", "carrier", "delivery_days", "is_active"]

    def clean_delivery_days(self) -> int:
        days = int(self.cleaned_data["delivery_days"])
        if days > 120:
            raise forms.ValidationError("O prazo vai até 120 dias úteis.")
        return days


class PaymentMethodForm(CompanyForm):
    class Meta:
        model = PaymentMethod
        fields = ["name", "is_active"]


class OrderShippingForm(CompanyForm):
    class Meta:
        model = Order
        fields = ["shipping_method", "carrier", "payment_method"]


class BuyerForm(forms.ModelForm[Buyer]):
    class Meta:
        model = Buyer
        fields = ["name", "tax_id", "phone"]


class DeliveryAddressForm(forms.ModelForm[DeliveryAddress]):
    postal_code = forms.CharField(label="CEP", max_length=10)
    state_code = forms.ChoiceField(label="UF", choices=[("", "—"), *((state, state) for state in STATES)])

    class Meta:
        model = DeliveryAddress
        fields = [
            "recipient",
            "postal_code",
            "street",
            "number",
            "complement",
            "district",
            "city",
            "state_code",
        ]

    def clean_postal_code(self) -> str:
        digits = "".join(c for c in str(self.cleaned_data["postal_code"]) if c.isdigit())
        if len(digits) != 8:
            raise forms.ValidationError("O CEP tem 8 números.")
        return digits
