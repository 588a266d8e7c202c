"""What screens remember for a person."""

from __future__ import annotations

from django.db import models

from erp.accounts.models import User


class SavedView(models.Model):
    """A view of a list under a name of its own: tab, filters, search, order and page size, as the query of
    its address has them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    url_name = models.CharField(max_length=60)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "url_name", "name"], name="savedview_unique_name")
        ]

    def __str__(self) -> str:
        return self.name
