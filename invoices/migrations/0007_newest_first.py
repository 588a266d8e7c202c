"""Indexes in the order of the lists, over every store one sees."""

from django.conf import settings
from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("invoices", "0006_leases"),
        ("sales", "0005_marketplace_shipping_kind"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexLive(
            model_name="invoice",
            index=models.Index(fields=["company", "-issued_at", "-id"], name="invoice_newest"),
        ),
    ]
