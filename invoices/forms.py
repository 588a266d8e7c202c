"""Forms of the notes' pages."""

from __future__ import annotations

from django import forms

from erp.accounts.models import FiscalEnvironment
from erp.sales.forms import CompanyForm
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
