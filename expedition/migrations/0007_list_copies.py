"""What the list of the expedição is sorted and filtered by, kept with the shipment."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("expedition", "0006_search"), ("sales", "0010_search")]

    operations = [
        migrations.AddField("shipment", "ship_by_at", models.DateTimeField("prazo de envio", null=True)),
        migrations.AddField(
            "shipment",
            "method_shown",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="sales.shippingmethod",
            ),
        ),
    ]
