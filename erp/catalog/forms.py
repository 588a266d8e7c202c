"""Forms of products and their SKUs."""

from __future__ import annotations

from django import forms

from erp.catalog.models import Product, Sku
from erp.web.forms import MoneyField


class ProductForm(forms.ModelForm[Product]):
    class Meta:
        model = Product
        fields = ["name", "description", "is_active"]
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}


class SkuForm(forms.ModelForm[Sku]):
    price = MoneyField(label="preço")

    class Meta:
        model = Sku
        fields = ["code", "specification", "gtin", "price"]

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip()

    def clean_gtin(self) -> str:
        gtin = str(self.cleaned_data["gtin"]).strip()
        if gtin and not (gtin.isascii() and gtin.isdigit() and len(gtin) in (8, 12, 13, 14)):
            raise forms.ValidationError("O GTIN tem 8, 12, 13 ou 14 números. Deixe vazio se não houver.")
        return gtin


SkuFormSet = forms.inlineformset_factory(Product, Sku, form=SkuForm, extra=1, min_num=1, can_delete=False)
