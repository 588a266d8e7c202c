"""Forms of the Kwai integration."""

from __future__ import annotations

from typing import Any

from django import forms

from erp.accounts.models import Company
from erp.catalog.models import Sku
from erp.web.forms import MoneyField, rows_offer
from kwai_integration.models import Listing


class LinkForm(forms.Form):
    """*vincular*: pick a SKU of the company, or create one from what the listing says."""

    sku = forms.ModelChoiceField(label="SKU do ERP", queryset=Sku.objects.none(), required=False)
    code = forms.CharField(label="Código do novo SKU", max_length=60, required=False)
    name = forms.CharField(label="Nome do novo produto", max_length=200, required=False)
    price = MoneyField(label="Preço do novo SKU (R$)", required=False)

    def __init__(self, *args: Any, company: Company, listing: Listing, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"code": listing.seller_code, "name": listing.title[:200]})
        super().__init__(*args, **kwargs)
        own = Sku.objects.filter(company=company).select_related("product").order_by("code")
        rows_offer(self, "sku", own, "criar um novo SKU com os dados abaixo")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("sku") and not (data.get("code") and data.get("name")):
            raise forms.ValidationError("Escolha um SKU, ou preencha código e nome do novo.")
        return data
