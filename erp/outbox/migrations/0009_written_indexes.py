"""Indexes for what is newer than an open page, and for the orders of lists."""

from django.conf import settings
from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("outbox", "0008_newest_first"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexLive(
            model_name="pushjob",
            index=models.Index(fields=["-updated_at"], name="pushjob_written"),
        ),
    ]
