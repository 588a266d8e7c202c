"""When a row was last written, whoever wrote it."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_fiscal_data"),
        ("stock", "0003_rounds"),
    ]

    operations = [
        migrations.AddField(
            model_name="stockitem",
            name="updated_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
    ]
