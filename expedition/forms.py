"""Forms of the expedição."""

from __future__ import annotations

from typing import Any

from django import forms

from erp import channels
from erp.sales.models import Carrier, ShippingMethod
from erp.web.forms import rows_offer


class ExpectedDeliveryForm(forms.Form):
    expected_on = forms.DateField(
        label="Data prevista",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
    )


class ShipmentCarrierForm(forms.Form):
    """Empty fields follow the note, else the order."""

    shipping_method = forms.ModelChoiceField(
        ShippingMethod.objects.none(),
        label="Forma de envio",
        required=False,
        empty_label="a da NF-e ou do pedido",
    )
    carrier = forms.ModelChoiceField(
        Carrier.objects.none(),
        label="Transportadora",
        required=False,
        empty_label="a da forma de envio",
    )

    def __init__(self, *args: Any, company_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("shipping_method", ShippingMethod), ("carrier", Carrier)):
            own = model._default_manager.filter(company_id=company_id, is_active=True)
            rows_offer(self, name, own.order_by("name"))


class TrackingListForm(forms.Form):
    """A pasted list or a file; the file wins."""

    text = forms.CharField(
        label="Cole a lista",
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 10, "class": "code", "placeholder": "1042;AA123456785BR\n1043;AA473124829BR"}
        ),
        help_text=channels.worded(
            "Uma linha por pedido: número do pedido, nº no {channel}, nº de expedição ou chave de acesso, "
            "e o código de rastreio. Separe com ponto e vírgula, vírgula ou tabulação."
        ),
    )
    file = forms.FileField(
        label="ou escolha um arquivo CSV ou XLSX",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.xlsx,text/csv,text/plain"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("file") and not str(data.get("text", "")).strip():
            self.add_error("text", "Cole a lista ou escolha um arquivo.")
        return data
