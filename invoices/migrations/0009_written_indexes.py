"""Indexes for what is newer than an open page, and for the orders of lists."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("invoices", "0008_written_at"),
    ]

    operations = [
        AddIndexLive(
            model_name="invoice",
            index=models.Index(fields=["company", "number", "id"], name="invoice_by_number"),
        ),
        AddIndexLive(
            model_name="invoice",
            index=models.Index(fields=["company", "total", "id"], name="invoice_total"),
        ),
        AddIndexLive(
            model_name="invoice",
            index=models.Index(fields=["-updated_at"], name="invoice_written"),
        ),
        AddIndexLive(
            model_name="refusedfile",
            index=models.Index(fields=["-updated_at"], name="refusedfile_written"),
        ),
        migrations.RemoveIndex(
            model_name="invoice",
            name="invoice_number",
        ),
    ]
