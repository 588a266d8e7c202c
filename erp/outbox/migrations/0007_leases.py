"""One lease for every machine: the turn to ask a platform again, and the reading back of a first push."""

import uuid

from django.db import migrations, models


def tokens_fill(apps, schema_editor):
    """A lease that was held without a token keeps its end; nobody can show the token, so it runs out."""
    for name in ("ChannelPause", "FirstPush"):
        rows = apps.get_model("outbox", name).objects.filter(lease_until__isnull=False)
        rows.update(lease_token=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [("outbox", "0006_rename_queues_and_limits")]

    operations = [
        migrations.RenameField("ChannelPause", "probe_at", "lease_until"),
        migrations.AlterField("ChannelPause", "lease_until", models.DateTimeField(null=True)),
        migrations.RenameField("FirstPush", "check_lease_until", "lease_until"),
        migrations.AddField("ChannelPause", "lease_token", models.UUIDField(null=True)),
        migrations.AddField("FirstPush", "lease_token", models.UUIDField(null=True)),
        migrations.RunPython(tokens_fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            "ChannelPause",
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="channelpause_lease_is_whole",
            ),
        ),
        migrations.AddConstraint(
            "FirstPush",
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="firstpush_lease_is_whole",
            ),
        ),
    ]
