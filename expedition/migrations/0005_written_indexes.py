"""Indexes for what is newer than an open page, and for the orders of lists."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("expedition", "0004_written_at"),
    ]

    operations = [
        AddIndexLive(
            model_name="shipment",
            index=models.Index(fields=["-updated_at"], name="shipment_written"),
        ),
    ]
