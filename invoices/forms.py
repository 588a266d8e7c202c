"""Forms of the notes' pages."""

from __future__ import annotations

from erp.sales.forms import CompanyForm
from invoices.models import Invoice


class InvoiceCarrierForm(CompanyForm):
    class Meta:
        model = Invoice
        fields = ["shipping_method", "carrier"]
        help_texts = {"carrier": "Vazia, vale a transportadora da forma de envio."}
