"""Pushes of a rare kind are found in the order of the list."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("outbox", "0010_settings_written_at")]

    operations = [
        AddIndexLive(
            "pushjob", models.Index(fields=["kind", "-requested_at", "-id"], name="pushjob_kind_newest")
        ),
    ]
