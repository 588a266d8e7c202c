"""Indexes in the order of the lists, over every store one sees."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("kwai_integration", "0017_leases"),
        ("sales", "0005_marketplace_shipping_kind"),
    ]

    operations = [
        AddIndexLive(
            model_name="kwaiorder",
            index=models.Index(fields=["-placed_at", "-id"], name="kwai_order_newest"),
        ),
        AddIndexLive(
            model_name="kwaiorder",
            index=models.Index(fields=["state", "-placed_at", "-id"], name="kwai_order_state_newest"),
        ),
    ]
