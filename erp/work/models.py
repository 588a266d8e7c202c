"""Long work as rows: what was asked at one click, and what became of each of its rows. Instants are UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Company, Role, Store, User
from erp.channels import RowOutcome
from erp.choices import ColouredChoices
from erp.leases import Leased, StampedLeasedQuerySet, lease_is_whole
from erp.stamps import Stamped
from erp.work import kinds

CHUNK_BYTES = 256 * 1024


class WorkState(ColouredChoices):
    """How a work stands; worked out from its row, never stored."""

    QUEUED = "queued", "secondary", "na fila"
    RUNNING = "running", "blue", "em andamento"
    STOPPING = "stopping", "yellow", "parando"
    STOPPED = "stopped", "yellow", "parado"
    FINISHED = "finished", "green", "pronto"


class WorkQuerySet(StampedLeasedQuerySet["Work"]):
    def visible_to(self, user: User) -> WorkQuerySet:
        """Works of the kinds open to the user's role: administrators see those of the company, the others
        their own and those of one of their stores."""
        if user.company_id is None:
            return self.none()
        own = self.filter(company_id=user.company_id, kind__in=kinds.keys_open_to(user), total__gt=0)
        if user.role == Role.ADMIN:
            return own
        return own.filter(Q(asked_by=user) | Q(store__in=Store.objects.visible_to(user)))

    def unfinished(self) -> WorkQuerySet:
        return self.filter(finished_at__isnull=True, total__gt=0)

    def due(self) -> WorkQuerySet:
        """Rows wait, nobody asked to stop and nobody is at it; those of dead workers included."""
        return self.unfinished().free().filter(stop_asked_at__isnull=True)

    def by_turn(self) -> WorkQuerySet:
        """The one that waited longest first. A turn in the future was written by a wrong clock: it counts as
        none, or the work would be last until then."""
        turn = Case(When(turn_at__lte=Now(), then=F("turn_at")), default=Value(None))
        return self.order_by(turn.asc(nulls_first=True), "pk")


class Work(Stamped, Leased):
    """One long work: its kind, who asked for it, what was chosen at the click, and how far it is.

    `chosen` holds what is common to all rows. `done` and `failed` count rows and are written in the
    transaction of the rows themselves. `fruitless_claims` counts how often it was taken up since a row last
    ended: a row that kills its worker is given up after a few. A work without rows is being prepared.
    """

    kind = models.CharField(max_length=40)
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="works")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="works")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="works")
    chosen = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    stop_asked_at = models.DateTimeField(null=True)
    fruitless_claims = models.PositiveSmallIntegerField(default=0)
    # Whose turn is longest ago goes first.
    turn_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = WorkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(done__lte=F("total")), name="work_done_within_total"),
            models.CheckConstraint(condition=Q(failed__lte=F("done")), name="work_failed_within_done"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(done=F("total"), total__gt=0),
                name="work_finished_has_no_row_left",
            ),
            lease_is_whole("work_lease_is_whole"),
        ]
        indexes = [
            models.Index(fields=["company", "-created_at", "-id"], name="work_list"),
            models.Index(
                fields=["turn_at"], condition=Q(finished_at__isnull=True), name="work_unfinished_by_turn"
            ),
            models.Index(fields=["finished_at"], name="work_finished"),
            models.Index(fields=["-updated_at"], name="work_written"),
        ]

    def __str__(self) -> str:
        return self.kind_of.title_of(self)

    @staticmethod
    def lease_length() -> timedelta:
        """A slice renews it."""
        return timedelta(seconds=settings.WORK_LEASE_SECONDS)

    def get_absolute_url(self) -> str:
        return reverse("work:work", args=[self.pk])

    @property
    def kind_of(self) -> kinds.WorkKind:
        return kinds.kind_named(self.kind)

    @property
    def left(self) -> int:
        return self.total - self.done

    @property
    def state(self) -> WorkState:
        """As the clock of this process sees it, for screens."""
        if self.finished_at is not None:
            return WorkState.FINISHED
        is_held = self.lease_until is not None and self.lease_until > timezone.now()
        if self.stop_asked_at is not None:
            return WorkState.STOPPING if is_held else WorkState.STOPPED
        return WorkState.RUNNING if is_held else WorkState.QUEUED


class WorkFile(models.Model):
    """A file a work was given, kept in the database until its rows are done (`erp.work.files`)."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class WorkFileChunk(models.Model):
    """`CHUNK_BYTES` of a file, fewer at its end: nobody has to hold a whole file in memory."""

    file = models.ForeignKey(WorkFile, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "position"], name="workfilechunk_unique_position")
        ]


class WorkRowQuerySet(models.QuerySet["WorkRow"]):
    def undone(self) -> WorkRowQuerySet:
        return self.filter(outcome="").order_by("position")


class WorkRow(models.Model):
    """One row of a work; `outcome` is empty until it is done.

    `subject_id` is the id of what the row is about, as the kind knows it; `chosen` what else was chosen at
    the click. `text` is Portuguese, a sentence a line; `code` stable English.
    """

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    subject_id = models.BigIntegerField(null=True)
    name = models.CharField("item", max_length=200)
    file = models.ForeignKey(WorkFile, on_delete=models.SET_NULL, null=True, related_name="rows")
    chosen = models.JSONField(default=dict)
    outcome = models.CharField("resultado", max_length=20, blank=True)
    code = models.CharField(max_length=60, blank=True)
    text = models.TextField("detalhe", blank=True)

    objects = WorkRowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["work", "position"], name="workrow_unique_position"),
            models.CheckConstraint(
                condition=Q(outcome="") | Q(outcome__in=[each.value for each in RowOutcome]),
                name="workrow_known_outcome",
            ),
        ]
        indexes = [models.Index(fields=["work", "outcome", "position"], name="workrow_by_outcome")]

    def __str__(self) -> str:
        return self.name

    @property
    def word(self) -> kinds.RowWord | None:
        """What became of it, in the words of its kind; None until it is done."""
        return self.work.kind_of.word(RowOutcome(self.outcome), self.code) if self.outcome else None

    @property
    def lines(self) -> Sequence[str]:
        return self.text.splitlines()
