"""What somebody noticed and a person should know, and the messages about it that are owed."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from erp.accounts.models import Company, Store, User
from erp.leases import Leased, LeasedQuerySet, lease_is_whole
from erp.stamps import Stamped, StampedQuerySet


class ConditionQuerySet(StampedQuerySet["Condition"]):
    def open_for(self, user: User) -> ConditionQuerySet:
        """Open ones of the stores `user` may see, and those of the company as a whole."""
        own = Q(store__in=Store.objects.visible_to(user)) | Q(store__isnull=True, company_id=user.company_id)
        return self.filter(own, withdrawn_at__isnull=True)


class Condition(Stamped):
    """Something that holds from `opened_at` until it is withdrawn; one row for each key and subject, which is
    opened again when it comes back. `seen_at` is when it was last noticed, `withdrawn_by` who read or ended
    it, empty when that was the system."""

    key = models.CharField(max_length=60)
    subject = models.CharField(max_length=80)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    store = models.ForeignKey(Store, on_delete=models.CASCADE, null=True, related_name="+")
    text = models.CharField(max_length=500)
    opened_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = ConditionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "subject"], name="condition_once"),
            models.CheckConstraint(
                condition=Q(withdrawn_by__isnull=True) | Q(withdrawn_at__isnull=False),
                name="condition_who_has_when",
            ),
        ]
        indexes = [
            models.Index(fields=["company"], condition=Q(withdrawn_at__isnull=True), name="condition_open"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.subject}"


class OwedMail(Leased):
    """An e-mail that is owed to the administrators of a company: one row for each occurrence of a key and
    subject, see `register.MailText`."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=60)
    subject = models.CharField(max_length=80)
    occurrence = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    # Sent, or no longer true before it could be sent (then `recipients` is 0).
    closed_at = models.DateTimeField(null=True)
    recipients = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=60, blank=True)

    objects = LeasedQuerySet["OwedMail"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "key", "subject", "occurrence"], name="owed_mail_once"
            ),
            lease_is_whole("owed_mail_lease_is_whole"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(closed_at__isnull=True), name="owed_mail_open")
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.subject} {self.occurrence}"

    @staticmethod
    def lease_length() -> timedelta:
        return timedelta(minutes=2)
