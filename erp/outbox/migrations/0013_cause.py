"""What a blocked push has in common with others; those that are blocked already get it from their last error."""

from __future__ import annotations

import re
import zlib
from typing import Any

from django.db import migrations, models

BATCH = 500


def causes_fill(apps: Any, schema_editor: Any) -> None:
    jobs = apps.get_model("outbox", "PushJob").objects.using(schema_editor.connection.alias)
    last = 0
    while batch := list(jobs.filter(state="blocked", pk__gt=last).order_by("pk")[:BATCH]):
        for job in batch:
            words = re.sub(r"\d+", "#", job.last_error.casefold())
            job.cause = f"{job.last_code[:31]}:{zlib.crc32(words.encode()):08x}"
        jobs.bulk_update(batch, ["cause"])
        last = batch[-1].pk


class Migration(migrations.Migration):
    dependencies = [("outbox", "0012_failed_reads")]

    operations = [
        migrations.AddField(
            model_name="pushjob",
            name="cause",
            field=models.CharField(blank=True, max_length=40, default=""),
            preserve_default=False,
        ),
        migrations.RunPython(causes_fill, migrations.RunPython.noop),
    ]
