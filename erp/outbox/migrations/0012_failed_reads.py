"""Reads that failed in a row, apart from the tries of a write."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("outbox", "0011_kind_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="pushjob",
            name="failed_reads",
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
