"""When a row was last written, by the clock of the database, whoever writes it: what open pages ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models
from django.db.models.functions import Now

M = TypeVar("M", bound="Stamped")


class StampedQuerySet(models.QuerySet[M]):
    def update(self, **values: Any) -> int:
        return super().update(**{"updated_at": Now()} | values)


class Stamped(models.Model):
    """A row with `updated_at` (UTC). `QuerySet.update`, `save`, `save(update_fields=…)` and
    `erp.rows.rows_update` move it. The manager of the model comes from a `StampedQuerySet`."""

    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        if not self._state.adding:
            self.updated_at = Now()
            update_fields = update_fields if update_fields is None else {*update_fields, "updated_at"}
        super().save(*args, update_fields=update_fields, **options)
