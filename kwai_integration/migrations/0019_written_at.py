"""When a row was last written, whoever wrote it."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("kwai_integration", "0018_newest_first"),
        ("sales", "0006_newest_first"),
    ]

    operations = [
        migrations.AddField(
            model_name="kwaiorder",
            name="updated_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
    ]
