"""Attempts to make a note for an order, and numbers that no note uses."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from erp.accounts.models import Company, FiscalEnvironment, User
from erp.choices import ColouredChoices
from erp.leases import Leased, LeasedQuerySet, lease_is_whole
from erp.sales.models import Order


class IssueState(ColouredChoices):
    QUEUED = "queued", "blue", "Na fila"
    SENT = "sent", "azure", "Aguardando a autorização"
    AUTHORISED = "authorised", "green", "Autorizada"
    REFUSED = "refused", "red", "Não autorizada"


OPEN = (IssueState.QUEUED, IssueState.SENT)


class InvoiceIssue(Leased):
    """One attempt at one note for one order; the truth about what an issuer was asked.

    Number and signed note are written together, before the issuer is called: whoever takes the row up after
    a crash sends the same bytes again, so that one attempt makes one note. `calls` counts what was begun, and
    from the second on the issuer is asked first what became of the last.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="invoice_issues")
    attempt = models.PositiveSmallIntegerField()
    issuer = models.CharField(max_length=20)
    environment = models.CharField(max_length=12, choices=FiscalEnvironment.choices)
    state = models.CharField(max_length=10, choices=IssueState.choices, default=IssueState.QUEUED)

    series = models.PositiveSmallIntegerField(null=True)
    number = models.PositiveIntegerField(null=True)
    access_key = models.CharField(max_length=44, blank=True)
    # The signed NFe (without protocol), byte for byte what is sent; emptied once the note is stored.
    content = models.BinaryField(null=True)
    # What a queue of the issuer answers with, to ask for the outcome by.
    receipt = models.CharField(max_length=40, blank=True)

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, null=True, related_name="+")
    reason_code = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    calls = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = LeasedQuerySet["InvoiceIssue"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "attempt"], name="issue_unique_attempt"),
            models.UniqueConstraint(
                fields=["order"], condition=Q(state__in=["queued", "sent"]), name="issue_one_open_per_order"
            ),
            models.UniqueConstraint(
                fields=["company", "environment", "series", "number"],
                condition=~Q(state="refused"),
                name="issue_unique_number",
            ),
            models.CheckConstraint(condition=Q(state__in=IssueState.values), name="issue_known_state"),
            models.CheckConstraint(
                condition=Q(number__isnull=True, content__isnull=True)
                | Q(number__isnull=False, series__isnull=False, content__isnull=False),
                name="issue_number_with_note",
            ),
            models.CheckConstraint(
                condition=Q(state="authorised", invoice__isnull=False)
                | (~Q(state="authorised") & Q(invoice__isnull=True)),
                name="issue_authorised_has_invoice",
            ),
            lease_is_whole("issue_lease_is_whole"),
        ]
        indexes = [models.Index(fields=["state", "not_before"], name="issue_due")]

    def __str__(self) -> str:
        return f"Emissão {self.attempt} do pedido {self.order_id}"

    @staticmethod
    def lease_length() -> timedelta:
        return timedelta(seconds=60)


class InvoiceNumberGap(models.Model):
    """A number that was taken and that no note uses. The next note takes the lowest; what stays must be
    declared unused to SEFAZ (*inutilização*)."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    environment = models.CharField(max_length=12, choices=FiscalEnvironment.choices)
    series = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "environment", "series", "number"], name="numbergap_unique"
            )
        ]
