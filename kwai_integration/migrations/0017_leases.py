"""One lease for every machine: a renewal and a poll are held by a token too."""

import uuid

from django.db import migrations, models


def tokens_fill(apps, schema_editor):
    """A lease that was held without a token keeps its end; nobody can show the token, so it runs out."""
    for name in ("KwaiAccount", "SyncCursor"):
        rows = apps.get_model("kwai_integration", name).objects.filter(lease_until__isnull=False)
        rows.update(lease_token=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [("kwai_integration", "0016_notices_to_attention")]

    operations = [
        migrations.RenameField("KwaiAccount", "refresh_lease_until", "lease_until"),
        migrations.AddField("KwaiAccount", "lease_token", models.UUIDField(null=True)),
        migrations.AddField("SyncCursor", "lease_token", models.UUIDField(null=True)),
        migrations.RunPython(tokens_fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            "KwaiAccount",
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="kwai_account_lease_is_whole",
            ),
        ),
        migrations.AddConstraint(
            "SyncCursor",
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="sync_cursor_lease_is_whole",
            ),
        ),
    ]
