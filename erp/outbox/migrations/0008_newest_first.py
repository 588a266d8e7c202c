"""Indexes in the order of the lists, over every store one sees."""

from django.conf import settings
from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("outbox", "0007_leases"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexLive(
            model_name="pushjob",
            index=models.Index(fields=["-requested_at", "-id"], name="pushjob_newest"),
        ),
        AddIndexLive(
            model_name="pushjob",
            index=models.Index(fields=["state", "-requested_at", "-id"], name="pushjob_state_newest"),
        ),
    ]
