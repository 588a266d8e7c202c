"""Forms of balances and warehouses."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.core.validators import MinValueValidator

from erp.accounts.models import Company
from erp.stock.models import MovementKind, Warehouse
from erp.web.forms import rows_offer

# Beyond this it is a typing mistake, mostly a barcode scanned into the field.
LARGEST_QUANTITY = 1_000_000

QUANTITY_LABELS = {
    MovementKind.ENTRY: "Quantidade que entrou",
    MovementKind.EXIT: "Quantidade que saiu",
    MovementKind.COUNT: "Quantidade contada",
}
REASON_EXAMPLES = {
    MovementKind.ENTRY: "Compra, NF 1234",
    MovementKind.EXIT: "Avaria, uso interno, amostra",
    MovementKind.COUNT: "Contagem física",
}


class MoveForm(forms.Form):
    """*Entrada*, *saída* or *balanço* of one SKU."""

    warehouse = forms.ModelChoiceField(Warehouse.objects.none(), label="Depósito", empty_label=None)
    quantity = forms.IntegerField(
        max_value=LARGEST_QUANTITY,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autofocus": True, "step": 1}),
    )
    text = forms.CharField(label="Motivo", max_length=200)
    request_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, company: Company, kind: MovementKind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Warehouse.objects.filter(company=company, is_active=True).order_by("-is_default", "name")
        rows_offer(self, "warehouse", own)
        smallest = 0 if kind == MovementKind.COUNT else 1
        quantity = self.fields["quantity"]
        quantity.label = QUANTITY_LABELS[kind]
        quantity.validators.append(MinValueValidator(smallest))
        quantity.widget.attrs["min"] = smallest
        self.fields["text"].widget.attrs["placeholder"] = REASON_EXAMPLES[kind]
        self.initial.setdefault("request_key", uuid4())

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).strip()


class WarehouseForm(forms.ModelForm[Warehouse]):
    class Meta:
        model = Warehouse
        fields = ["name", "is_default", "is_active"]
        help_texts = {
            "is_default": "Recebe as reservas das lojas que não escolheram outro depósito.",
            "is_active": "Um depósito inativo não aparece nos lançamentos.",
        }

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        twins = Warehouse.objects.filter(company_id=self.instance.company_id, name=name)
        if twins.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(f"Já existe um depósito chamado {name}.")
        return name
