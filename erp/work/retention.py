"""How long works stay: results for 30 days, and files only until their rows are done."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from erp.work.models import Work, WorkFile, WorkRow

KEEP = timedelta(days=30)
"""Of a work, its rows and, when it was stopped, its files."""

KEEP_UNUSED_FILES = timedelta(days=1)
"""Of a file that was sent and got no row: whoever sent it went away."""

BATCH = 1000


def works_expire() -> int:
    """Erase what is older, in short writes; returns how many works."""
    now = timezone.now()
    WorkFile.objects.filter(rows__isnull=True, created_at__lt=now - KEEP_UNUSED_FILES).delete()
    unused = Q(total=0, created_at__lt=now - KEEP_UNUSED_FILES)
    ended = Q(finished_at__lt=now - KEEP)
    left = Q(finished_at__isnull=True, turn_at__lt=now - KEEP)
    old = list(Work.objects.filter(unused | ended | left).values_list("pk", flat=True))
    for pk in old:
        while rows := list(WorkRow.objects.filter(work=pk).values_list("pk", flat=True)[:BATCH]):
            WorkRow.objects.filter(pk__in=rows).delete()
        Work.objects.filter(pk=pk).delete()
    return len(old)
