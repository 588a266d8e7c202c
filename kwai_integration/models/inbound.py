"""Where reading from Kwai stands."""

from __future__ import annotations

from django.db import models

from erp.accounts.models import Store


class SyncCursor(models.Model):
    """The poll's watermark: everything the platform changed up to here has been stored.

    It moves only after the window's last page is stored (contract section 5).
    """

    store = models.OneToOneField(
        Store, on_delete=models.CASCADE, primary_key=True, related_name="sync_cursor"
    )
    watermark = models.DateTimeField()
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True)
