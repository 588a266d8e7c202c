"""Blocked pushes are counted and found by what blocked them."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("outbox", "0013_cause")]

    operations = [
        AddIndexLive(
            "pushjob",
            models.Index(
                fields=["failure_mode", "cause", "kind", "-requested_at", "-id"],
                condition=models.Q(state="blocked"),
                name="pushjob_blocked_cause",
            ),
        ),
    ]
