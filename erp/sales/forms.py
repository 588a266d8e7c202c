"""Forms of orders and of what they refer to."""

from __future__ import annotations

from django import forms

from erp.brazil.documents import STATES, cnpj_parse, postal_code_parse, tax_id_parse
from erp.sales.models import (
    Buyer,
    Carrier,
    DeliveryAddress,
    Order,
    PaymentMethod,
    ShippingMethod,
)
from erp.web.forms import CompanyForm, city_code_clean, parsed


class CarrierForm(CompanyForm):
    tax_id = forms.CharField(label="CNPJ", max_length=20, required=False)

    class Meta:
        model = Carrier
        fields = ["name", "code", "tax_id", "tracking_url", "is_active"]

    def clean_tax_id(self) -> str:
        typed = str(self.cleaned_data["tax_id"])
        return parsed(cnpj_parse, typed) if typed else ""


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

    def chosen(self, name: str) -> int | None:
        """The id of the row chosen in the field."""
        row = self.cleaned_data[name]
        return row.pk if row else None


class BuyerForm(forms.ModelForm[Buyer]):
    """`cleaned_data` also holds `tax_id_kind`, which follows from the number."""

    tax_id = forms.CharField(label="CPF/CNPJ", max_length=20, required=False)

    class Meta:
        model = Buyer
        fields = ["name", "tax_id", "phone"]

    def clean_tax_id(self) -> str:
        typed = str(self.cleaned_data["tax_id"])
        self.cleaned_data["tax_id_kind"], value = parsed(tax_id_parse, typed) if typed else ("", "")
        return value


class DeliveryAddressForm(forms.ModelForm[DeliveryAddress]):
    postal_code = forms.CharField(label="CEP", max_length=10)
    state_code = forms.ChoiceField(
        label="UF", choices=[("", "—"), *((state, state) for state in sorted(STATES))]
    )

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
            "city_code",
        ]
        help_texts = {
            "city_code": "Só a nota fiscal usa. Vazio, é buscado pela cidade; preencha se não for encontrado."
        }

    def clean_postal_code(self) -> str:
        return parsed(postal_code_parse, str(self.cleaned_data["postal_code"]))

    def clean_city_code(self) -> str:
        return city_code_clean(
            str(self.cleaned_data["city_code"]), str(self.cleaned_data.get("state_code", ""))
        )
