from __future__ import annotations

from typing import Any

from django.db import migrations
from django.utils import timezone


def kinds_judge(apps: Any, schema_editor: Any) -> None:
    """What a store has pushed before needs no first push; of a kind that only waits, the next one is it."""
    jobs = apps.get_model("outbox", "PushJob").objects.all()
    done = set(jobs.filter(state="done").values_list("store_id", "kind").distinct())
    rows = apps.get_model("outbox", "FirstPush")
    now = timezone.now()
    rows.objects.bulk_create(
        rows(store_id=store_id, kind=kind, cleared_at=now if (store_id, kind) in done else None)
        for store_id, kind in sorted(jobs.values_list("store_id", "kind").distinct())
    )


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_first_push")]

    operations = [migrations.RunPython(kinds_judge, migrations.RunPython.noop)]
