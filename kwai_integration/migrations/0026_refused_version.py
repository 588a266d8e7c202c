"""The version of the token pair that the platform refused."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("kwai_integration", "0025_notes_sent"),
    ]

    operations = [
        migrations.AddField(
            model_name="kwaiaccount",
            name="refused_version",
            field=models.PositiveIntegerField(null=True),
        ),
    ]
