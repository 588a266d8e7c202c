"""One lease for every machine: an owed mail is held by a token too."""

import uuid

from django.db import migrations, models


def tokens_fill(apps, schema_editor):
    """A lease that was held without a token keeps its end; nobody can show the token, so it runs out."""
    for name in ("OwedMail",):
        rows = apps.get_model("attention", name).objects.filter(lease_until__isnull=False)
        rows.update(lease_token=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [("attention", "0001_initial")]

    operations = [
        migrations.AddField("OwedMail", "lease_token", models.UUIDField(null=True)),
        migrations.RunPython(tokens_fill, migrations.RunPython.noop),
        migrations.AddConstraint(
            "OwedMail",
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="owed_mail_lease_is_whole",
            ),
        ),
    ]
