"""Forms of products and their SKUs."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from erp.accounts.models import Company
from erp.brazil.fiscal import ORIGINS, cest_parse, cfop_parse, icms_codes, ncm_parse
from erp.catalog.models import Product, Sku
from erp.web.forms import MoneyField, code_choices, parsed

FISCAL_FIELDS = ("ncm", "origin", "icms_code", "cfop", "cfop_interstate", "cest", "unit")


class ProductForm(forms.ModelForm[Product]):
    class Meta:
        model = Product
        fields = ["name", "description", "is_active"]
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}


class SkuForm(forms.ModelForm[Sku]):
    price = MoneyField(label="preço")
    ncm = forms.CharField(label="NCM", max_length=12, required=False)
    cest = forms.CharField(label="CEST", max_length=12, required=False)
    origin = forms.ChoiceField(label="Origem", required=False)
    icms_code = forms.ChoiceField(label="CST/CSOSN", required=False)

    class Meta:
        model = Sku
        fields = ["code", "specification", "gtin", "price", *FISCAL_FIELDS]

    def __init__(self, *args: Any, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        origins = code_choices(ORIGINS, _default(company.default_origin))
        icms = code_choices(icms_codes(company.tax_regime), _default(company.default_icms_code))
        cast(forms.ChoiceField, self.fields["origin"]).choices = origins
        cast(forms.ChoiceField, self.fields["icms_code"]).choices = icms
        for name in ("cfop", "cfop_interstate"):
            self.fields[name].widget.attrs["placeholder"] = getattr(company, f"default_{name}")

    @property
    def basic(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name not in FISCAL_FIELDS]

    @property
    def fiscal(self) -> list[forms.BoundField]:
        """The fields of the section *dados fiscais*."""
        return [self[name] for name in FISCAL_FIELDS]

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip()

    def clean_gtin(self) -> str:
        gtin = str(self.cleaned_data["gtin"]).strip()
        if gtin and not (gtin.isascii() and gtin.isdigit() and len(gtin) in (8, 12, 13, 14)):
            raise forms.ValidationError("O GTIN tem 8, 12, 13 ou 14 números. Deixe vazio se não houver.")
        return gtin

    def clean_ncm(self) -> str:
        typed = str(self.cleaned_data["ncm"])
        return parsed(ncm_parse, typed) if typed else ""

    def clean_cest(self) -> str:
        typed = str(self.cleaned_data["cest"])
        return parsed(cest_parse, typed) if typed else ""

    def clean_cfop(self) -> str:
        typed = str(self.cleaned_data["cfop"])
        return parsed(lambda text: cfop_parse(text, "5"), typed) if typed else ""

    def clean_cfop_interstate(self) -> str:
        typed = str(self.cleaned_data["cfop_interstate"])
        return parsed(lambda text: cfop_parse(text, "6"), typed) if typed else ""

    def clean_unit(self) -> str:
        return str(self.cleaned_data["unit"]).strip().upper()


def _default(code: str) -> str:
    return f"Da empresa ({code})" if code else "Da empresa"


SkuFormSet = forms.inlineformset_factory(Product, Sku, form=SkuForm, extra=1, min_num=1, can_delete=False)
