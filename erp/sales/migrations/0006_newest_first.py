"""Indexes in the order of the lists, over every store one sees."""

from django.conf import settings
from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("sales", "0005_marketplace_shipping_kind"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexLive(
            model_name="order",
            index=models.Index(fields=["company", "-placed_at", "-id"], name="order_newest"),
        ),
    ]
