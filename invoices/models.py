"""NF-e and their original files. Amounts are integer centavos, instants are UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NoReturn

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.urls import reverse

from erp.accounts.models import (
    AppendOnlyError,
    AppendOnlyModel,
    Company,
    FiscalEnvironment,
    Role,
    Store,
    User,
)
from erp.brazil.documents import tax_id_format, tax_id_mask
from erp.choices import ColouredChoices
from erp.sales.models import Carrier, Order, ShippingMethod
from erp.stamps import Stamped, StampedQuerySet
from invoices.issuing.models import InvoiceIssue as InvoiceIssue
from invoices.issuing.models import InvoiceNumberGap as InvoiceNumberGap


class DocumentDamaged(Exception):
    """The stored bytes of a note are no longer those that were received; restore them from a backup."""


class InvoiceStatus(ColouredChoices):
    PENDING = "pending", "yellow", "Pendente"
    AUTHORISED = "authorised", "green", "Autorizada"
    DANFE_ISSUED = "danfe_issued", "teal", "Emitida DANFE"
    REJECTED = "rejected", "red", "Rejeitada"
    CANCELLED = "cancelled", "secondary", "Cancelada"

    @property
    def group(self) -> str:
        """The tab of the list: `pending`, `issued`, `rejected` or `cancelled`."""
        return "issued" if self in ISSUED else self.value


ISSUED = (InvoiceStatus.AUTHORISED, InvoiceStatus.DANFE_ISSUED)
OUT_OF_FORCE = (InvoiceStatus.CANCELLED, InvoiceStatus.REJECTED)


class InvoiceQuerySet(StampedQuerySet["Invoice"]):
    def visible_to(self, user: User) -> InvoiceQuerySet:
        """Notes of the user's stores, and those of the company that wait for an order."""
        if user.company_id is None or not user.is_active:
            return self.none()
        own = self.filter(company_id=user.company_id)
        if user.role == Role.ADMIN:
            return own
        return own.filter(Q(store__isnull=True) | Q(store__in=Store.objects.visible_to(user)))

    def lock_for_update(self) -> InvoiceQuerySet:
        """Rows in a fixed order, so that two callers cannot wait for each other."""
        return self.select_for_update(of=("self",)).order_by("pk")

    def without_order(self) -> InvoiceQuerySet:
        """*Notas sem pedido*: authorised notes that wait to be linked."""
        return self.filter(order__isnull=True, replaced_by__isnull=True, status__in=ISSUED)

    def claiming(self, order_ids: Sequence[int]) -> InvoiceQuerySet:
        """Notes in force of the orders, and those that wait for consent to become so."""
        return self.filter(
            Q(order__in=order_ids) | Q(wanted_order__in=order_ids, status=InvoiceStatus.PENDING)
        ).exclude(status__in=OUT_OF_FORCE)

    def delete(self) -> NoReturn:
        raise AppendOnlyError("A note is kept for 132 months: nothing deletes it")


class Invoice(Stamped):
    """*Nota fiscal* (NF-e). Everything but carrier, method, link and status repeats the immutable XML.

    A note belongs to at most one order, and an order has at most one note in force: another may take its
    place only after the older one is cancelled or was rejected. None is ever deleted: the law asks for 132
    months at least (Ajuste SINIEF 2/2025).
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="invoices")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="invoices")
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, related_name="invoices", verbose_name="pedido"
    )
    # While PENDING: the order it will be linked to once somebody goes on despite the warnings.
    wanted_order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="+")
    # And the note it will then replace there.
    wanted_place_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    # 44 characters, not digits: letters are legal since 2026.
    access_key = models.CharField("chave de acesso", max_length=44)
    number = models.PositiveIntegerField("número")
    series = models.PositiveSmallIntegerField("série")
    environment = models.CharField("ambiente", max_length=12, choices=FiscalEnvironment.choices)
    status = models.CharField(
        "situação", max_length=15, choices=InvoiceStatus.choices, default=InvoiceStatus.AUTHORISED
    )
    issued_at = models.DateTimeField("emissão")
    authorized_at = models.DateTimeField("autorização")
    authorization_protocol = models.CharField("protocolo", max_length=17)
    issuer_tax_id = models.CharField("CNPJ do emitente", max_length=14)
    recipient_tax_id = models.CharField("CPF/CNPJ do destinatário", max_length=14, blank=True)
    recipient_name = models.CharField("destinatário", max_length=60, blank=True)
    total = models.BigIntegerField("total")

    shipping_method = models.ForeignKey(
        ShippingMethod, on_delete=models.PROTECT, null=True, blank=True, verbose_name="forma de envio"
    )
    carrier = models.ForeignKey(
        Carrier, on_delete=models.PROTECT, null=True, blank=True, verbose_name="transportadora"
    )
    # The corrected note that took this one's place at its order.
    replaced_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="replaced")
    danfe_printed_at = models.DateTimeField("DANFE impresso", null=True)
    # When the marketplace of its order had received it, and when it accepted or refused it. Pushes and the
    # marketplace's answers are the truth; these let the list find the few that wait among millions.
    sent_at = models.DateTimeField(null=True)
    judged_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    cancelled_at = models.DateTimeField(null=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["access_key"], name="invoice_unique_access_key"),
            models.UniqueConstraint(
                fields=["order"],
                condition=~Q(status__in=["cancelled", "rejected"]),
                name="invoice_one_in_force_per_order",
            ),
            models.CheckConstraint(
                condition=Exact(Length("access_key"), 44), name="invoice_access_key_length"
            ),
            models.CheckConstraint(condition=Q(status__in=InvoiceStatus.values), name="invoice_known_status"),
            models.CheckConstraint(
                condition=Q(environment__in=FiscalEnvironment.values), name="invoice_known_environment"
            ),
            models.CheckConstraint(condition=Q(total__gte=0), name="invoice_total_not_negative"),
            models.CheckConstraint(
                condition=Q(order__isnull=True) | Q(store__isnull=False), name="invoice_linked_has_store"
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | (~Q(status="cancelled") & Q(cancelled_at__isnull=True)),
                name="invoice_cancelled_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="danfe_issued") | Q(danfe_printed_at__isnull=False),
                name="invoice_danfe_issued_has_time",
            ),
            models.CheckConstraint(
                condition=Q(replaced_by__isnull=True) | Q(order__isnull=True),
                name="invoice_replaced_has_no_order",
            ),
            models.CheckConstraint(
                condition=~Q(status="pending") | Q(order__isnull=True), name="invoice_pending_is_not_linked"
            ),
            models.CheckConstraint(
                condition=Q(wanted_order__isnull=True) | Q(status="pending", store__isnull=False),
                name="invoice_wanted_while_pending",
            ),
            models.CheckConstraint(
                condition=Q(wanted_place_of__isnull=True) | Q(wanted_order__isnull=False),
                name="invoice_place_wanted_with_order",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "-issued_at", "-id"], name="invoice_newest"),
            models.Index(fields=["company", "status", "-issued_at", "-id"], name="invoice_list"),
            models.Index(
                fields=["company", "environment", "-issued_at", "-id"], name="invoice_environment_list"
            ),
            models.Index(fields=["company", "number", "id"], name="invoice_by_number"),
            models.Index(fields=["company", "total", "id"], name="invoice_total"),
            models.Index(fields=["-updated_at"], name="invoice_written"),
            models.Index(
                fields=["company", "-issued_at", "-id"],
                condition=Q(sent_at__isnull=True, order__isnull=False),
                name="invoice_unsent",
            ),
            models.Index(
                fields=["company", "-issued_at", "-id"],
                condition=Q(sent_at__isnull=False, judged_at__isnull=True),
                name="invoice_unjudged",
            ),
            models.Index(
                fields=["recipient_tax_id"], condition=~Q(recipient_tax_id=""), name="invoice_recipient"
            ),
        ]

    def __str__(self) -> str:
        return f"NF-e {self.number} série {self.series}"

    @property
    def status_colour(self) -> str:
        return InvoiceStatus(self.status).colour

    @property
    def recipient_masked(self) -> str:
        """The recipient's document for screens: a CPF never whole."""
        return tax_id_mask(self.recipient_tax_id)

    @property
    def issuer_shown(self) -> str:
        return tax_id_format(self.issuer_tax_id)

    def get_absolute_url(self) -> str:
        return reverse("invoices:detail", args=[self.pk])

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("A note is kept for 132 months: nothing deletes it")


class InvoiceDocument(AppendOnlyModel):
    """The file as it was received, byte for byte: what the channel and the accountant are given."""

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="document")
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    file_name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Exact(Length("content"), F("size")), name="document_size_is_true"
            ),
            models.CheckConstraint(condition=Exact(Length("sha256"), 64), name="document_has_digest"),
        ]

    def read(self) -> bytes:
        """The original bytes. Raises `DocumentDamaged` when their digest is not the stored one."""
        content = bytes(self.content)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise DocumentDamaged(f"document of invoice {self.invoice_id} is damaged")
        return content


class WarningConsent(AppendOnlyModel):
    """*Seguir mesmo assim*: who went on despite which warning of the validation, and when.

    A warning about the note beside an order counts for that order only; one about the file has no order.
    """

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="consents")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="+")
    code = models.CharField(max_length=20)
    text = models.CharField(max_length=1000)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "code"],
                condition=Q(order__isnull=True),
                name="consent_once_per_file_warning",
            ),
            models.UniqueConstraint(
                fields=["invoice", "order", "code"],
                condition=Q(order__isnull=False),
                name="consent_once_per_order_warning",
            ),
        ]


class InvoiceEventKind(models.TextChoices):
    """`tpEvento` of the events that are kept."""

    CANCELLATION = "110111", "Cancelamento"
    CORRECTION = "110110", "Carta de correção"


class InvoiceEvent(AppendOnlyModel):
    """A cancellation or correction letter registered by SEFAZ, with its original file.

    It belongs to an access key, not to a row of `Invoice`: it may be here before the note. `text` is the
    justification or the correction as written by the issuer.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="invoice_events")
    access_key = models.CharField("chave de acesso", max_length=44)
    kind = models.CharField("evento", max_length=6, choices=InvoiceEventKind.choices)
    sequence = models.PositiveSmallIntegerField("sequência")
    environment = models.CharField(max_length=12, choices=FiscalEnvironment.choices)
    registered_at = models.DateTimeField("registro na SEFAZ")
    protocol = models.CharField("protocolo", max_length=17, blank=True)
    text = models.CharField(max_length=1000, blank=True)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    file_name = models.CharField(max_length=255, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["registered_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "access_key", "kind", "sequence"], name="invoiceevent_once"
            ),
            models.CheckConstraint(
                condition=Exact(Length("access_key"), 44), name="invoiceevent_access_key_length"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=InvoiceEventKind.values), name="invoiceevent_known_kind"
            ),
            models.CheckConstraint(
                condition=Q(environment__in=FiscalEnvironment.values), name="invoiceevent_known_environment"
            ),
            models.CheckConstraint(condition=Exact(Length("sha256"), 64), name="invoiceevent_has_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} nº {self.sequence}"


class RefusedFileQuerySet(StampedQuerySet["RefusedFile"]):
    def visible_to(self, user: User) -> RefusedFileQuerySet:
        """Files sent for orders of the user's stores, and those of the company sent for no order."""
        if user.company_id is None:
            return self.none()
        own = self.filter(company_id=user.company_id)
        return own.filter(Q(store__isnull=True) | Q(store__in=Store.objects.visible_to(user)))


class RefusedFile(Stamped):
    """A file the validation refused, with the reasons: what the tab *rejeitadas* shows.

    Equal bytes are one row; `times` counts how often they were sent. Only so many are kept per company, the
    newest, so that nobody can fill the disk; a file that is accepted later leaves. `content` is NULL for a
    file larger than any note can be. `reasons` is a list of `{"code", "label", "text"}` in the order of the
    validation's rules. `access_key`, `number` and `series` are what the file claims, when it could be read.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="refused_files")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="+")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="refused_files")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    content = models.BinaryField(null=True)
    file_name = models.CharField("arquivo", max_length=255)
    access_key = models.CharField("chave de acesso", max_length=44, blank=True)
    number = models.PositiveIntegerField("número", null=True)
    series = models.PositiveSmallIntegerField("série", null=True)
    reasons = models.JSONField(default=list)
    times = models.PositiveIntegerField(default=1)
    sent_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_sent_at = models.DateTimeField("enviado em")

    objects = RefusedFileQuerySet.as_manager()

    class Meta:
        ordering = ["-last_sent_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["company", "sha256"], name="refusedfile_once_per_company"),
            models.CheckConstraint(condition=Exact(Length("sha256"), 64), name="refusedfile_has_digest"),
            models.CheckConstraint(
                condition=Q(content__isnull=True) | Q(Exact(Length("content"), F("size"))),
                name="refusedfile_size_is_true",
            ),
            models.CheckConstraint(condition=Q(times__gte=1), name="refusedfile_was_sent"),
            models.CheckConstraint(
                condition=Q(order__isnull=True) | Q(store__isnull=False), name="refusedfile_order_has_store"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "-last_sent_at", "-id"], name="refusedfile_list"),
            models.Index(fields=["-updated_at"], name="refusedfile_written"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def texts(self) -> list[str]:
        """The reasons, each saying what to do next."""
        return [str(reason["text"]) for reason in self.reasons]
