"""The one row that is written to see whether rows can be written."""

from __future__ import annotations

from django.db import models


class WriteProbe(models.Model):
    """Row 1 alone; `written_at` is when some process of the ERP last tried, at most once a minute each."""

    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.written_at:%Y-%m-%d %H:%M:%S}"
