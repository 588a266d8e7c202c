"""What the mappings page reads of a store's orders, without opening them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kwai_integration", "0006_access_seconds"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="kwaiorder",
            index=models.Index(
                fields=["store", "remote_status", "shipping_type", "remote_carrier_code", "payment_code"],
                name="kwai_order_codes",
            ),
        ),
    ]
