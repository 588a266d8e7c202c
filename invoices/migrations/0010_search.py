"""Any part of a recipient's name is found by an index, and the whole of his document."""

from django.db import migrations, models
from django.db.models import Q

from erp.indexes import AddIndexLive
from erp.search.indexes import AddSearchIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("invoices", "0009_written_indexes"), ("search", "0001_fold")]

    operations = [
        AddSearchIndex("invoice", "invoice_search", ["recipient_name"]),
        AddIndexLive(
            model_name="invoice",
            index=models.Index(
                fields=["recipient_tax_id"], condition=~Q(recipient_tax_id=""), name="invoice_recipient"
            ),
        ),
    ]
