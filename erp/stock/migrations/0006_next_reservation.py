"""Who waits at a place, oldest first."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("catalog", "0002_fiscal_data"),
        ("stock", "0005_written_indexes"),
    ]

    operations = [
        AddIndexLive(
            model_name="stockreservation",
            index=models.Index(
                condition=models.Q(("held__lt", models.F("wanted"))),
                fields=["sku", "warehouse", "id"],
                name="reservation_next",
            ),
        ),
    ]
