"""Forms of the notes' pages."""

from __future__ import annotations

from django import forms

from erp.accounts.models import FiscalEnvironment
from erp.web.forms import CompanyForm
from invoices.models import Invoice


class InvoiceCarrierForm(CompanyForm):
    class Meta:
        model = Invoice
        fields = ["shipping_method", "carrier"]
        help_texts = {"carrier": "Vazia, vale a transportadora da forma de envio."}


class PeriodForm(forms.Form):
    """A period to export. Its fields are those of `invoices.export.period.Period`."""

    since = forms.DateField(label="De", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="Até", widget=forms.DateInput(attrs={"type": "date"}))
    environment = forms.ChoiceField(label="Ambiente", choices=FiscalEnvironment.choices)


class InvoiceCancelForm(forms.Form):
    """SEFAZ asks for a reason of 15 to 255 characters."""

    reason = forms.CharField(
        label="Justificativa",
        min_length=15,
        max_length=255,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="De 15 a 255 letras; fica no evento de cancelamento.",
    )
