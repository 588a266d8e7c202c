"""When a row was last written, whoever wrote it."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("expedition", "0003_leases"),
        ("invoices", "0007_newest_first"),
        ("sales", "0006_newest_first"),
    ]

    operations = [
        migrations.AddField(
            model_name="shipment",
            name="updated_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="shipmentgroup",
            name="updated_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
    ]
