"""The rows that are the truth about pending pushes. Instants are UTC, durations milliseconds."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection, models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact

from erp import clock
from erp.accounts.models import Store, StoreLifecycle, User
from erp.leases import Leased, StampedLeasedQuerySet, lease_is_whole
from erp.outbox.statuses import (
    FINISHED_STATES,
    LONGEST_REST,
    LONGEST_WAITS,
    OPEN_STATES,
    WAITING_STATES,
    WITHDRAWN_STATES,
    AttemptAction,
    AttemptOutcome,
    BreakerState,
    FailureMode,
    FirstStage,
    FirstVerdict,
    JobState,
    Origin,
    PauseMode,
    WaitReason,
)
from erp.stamps import Stamped


def is_due() -> Q:
    """The push may be tried now: its time has come, or its row was written by a clock that was ahead."""
    due = Q(not_before__lte=Now()) | clock.beyond("updated_at", timedelta())
    for reason, longest in LONGEST_WAITS.items():
        due |= Q(waiting_for=reason) & clock.beyond("not_before", longest)
    return due


class PushJobQuerySet(StampedLeasedQuerySet["PushJob"]):
    def visible_to(self, user: User) -> PushJobQuerySet:
        return self.filter(store__in=Store.objects.visible_to(user))

    def facts(self) -> PushJobQuerySet:
        return self.filter(idempotency_key__isnull=False)

    def lock_for_update(self, *, skip_locked: bool = False) -> PushJobQuerySet:
        """Rows in a fixed order, so that two callers cannot wait for each other. SQLite has no row
        locks and needs none: its one writer is the lock."""
        skip = skip_locked and connection.features.has_select_for_update_skip_locked
        return self.select_for_update(of=("self",), skip_locked=skip)

    def claimable(self) -> PushJobQuerySet:
        """Due, no push of the subject under way, no lower step of the subject open, not held by the first
        push of its kind. A blocked correction of a kind whose first content counts (`Handler.first_counts`)
        does not hold once another was confirmed."""
        same_subject = PushJob.objects.filter(store=OuterRef("store"), subject=OuterRef("subject"))
        return self.flowing().filter(
            ~Exists(same_subject.filter(state=JobState.CLAIMED)),
            ~Exists(_lower_steps().filter(state__in=OPEN_STATES)),
            is_due(),
            state=JobState.PENDING,
        )

    def newest(self) -> PushJobQuerySet:
        """Of each topic the newest request that still counts; none where all were withdrawn."""
        topic = PushJob.objects.filter(
            store=OuterRef("store"), subject=OuterRef("subject"), kind=OuterRef("kind")
        )
        withdrawn = Q(state__in=WITHDRAWN_STATES)
        return self.filter(~withdrawn, ~Exists(topic.filter(_asked_later(), ~withdrawn)))

    def with_held_back_by(self) -> PushJobQuerySet:
        """Adds `held_back_by`, the kind of a blocked lower step that this request waits for, else empty."""
        blocked = _lower_steps().filter(state=JobState.BLOCKED).order_by("requested_at", "pk")
        kind = Coalesce(Subquery(blocked.values("kind")[:1]), Value(""))
        return self.annotate(
            held_back_by=Case(When(state=JobState.PENDING, then=kind), default=Value("")),
        )

    def flowing(self) -> PushJobQuerySet:
        """Without the kinds whose first push for the store a person still follows; that push itself flows."""
        return self.filter(~_held())

    def with_is_first(self) -> PushJobQuerySet:
        """Adds `leads`: a person looked at this push, and the others of its kind wait for it."""
        followed = FirstPush.objects.filter(job=OuterRef("pk"), cleared_at__isnull=True)
        return self.annotate(leads=Exists(followed))

    def with_is_held(self) -> PushJobQuerySet:
        """Adds `is_held`: the request waits for the first one of its kind."""
        return self.annotate(is_held=_held())


def _asked_later() -> Q:
    """In a query about pushes within another: asked for after the one outside."""
    return Q(requested_at__gt=OuterRef("requested_at")) | Q(
        requested_at=OuterRef("requested_at"), pk__gt=OuterRef("pk")
    )


def last_blocked_of_subject(chosen: Q | None = None) -> Q:
    """The blocked push that stands for its subject: of those that `chosen` keeps the one asked for last."""
    rivals = PushJob.objects.filter(
        _asked_later(), chosen or Q(), store=OuterRef("store"), subject=OuterRef("subject"),
        state=JobState.BLOCKED,
    )  # fmt: skip
    # A value and no EXISTS: as a join PostgreSQL might read the whole table for the few that are blocked.
    later = Coalesce(Subquery(rivals.order_by().values("pk")[:1]), Value(0))
    return Q(Exact(later, Value(0)), state=JobState.BLOCKED)


def _held() -> Exists:
    followed = FirstPush.objects.filter(
        store=OuterRef("store"), kind=OuterRef("kind"), cleared_at__isnull=True
    )
    return Exists(followed.exclude(job=OuterRef("pk")))


def _lower_steps() -> PushJobQuerySet:
    """In a query over pushes: requests of the same subject for a lower step, which go first. A blocked
    correction of a kind whose first content counts holds nothing back once another was confirmed."""
    from erp.outbox.handlers import kinds_whose_first_counts

    confirmed = PushJob.objects.filter(
        store=OuterRef("store"), subject=OuterRef("subject"), kind=OuterRef("kind"), state=JobState.DONE
    )
    harmless = Q(state=JobState.BLOCKED, kind__in=kinds_whose_first_counts()) & Exists(confirmed)
    same_subject = PushJob.objects.filter(store=OuterRef("store"), subject=OuterRef("subject"))
    return same_subject.filter(~harmless, step__gt=0, step__lt=OuterRef("step"))


class PushJob(Stamped, Leased):
    """One request that must reach a platform.

    A *fact* carries `idempotency_key` (`store:kind:subject:content`) for ever; a *state* carries
    `coalesce_key` (`store:kind:subject`) only while it is queued. `payload` holds ids and a digest, never
    a copy of a document or personal data.
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="push_jobs")
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    idempotency_key = models.CharField(max_length=250, null=True, unique=True)
    coalesce_key = models.CharField(max_length=180, null=True, unique=True)
    # 0 takes no part in the order of steps: neither waits for one nor holds one back.
    step = models.PositiveSmallIntegerField(default=0)
    state = models.CharField("situação", max_length=10, choices=JobState.choices, default=JobState.PENDING)
    failure_mode = models.CharField(max_length=10, choices=FailureMode.choices, blank=True)
    waiting_for = models.CharField(max_length=6, choices=WaitReason.choices, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Reads that failed in a row: they harm nothing, and wait by a ladder of their own beside `attempts`.
    failed_reads = models.PositiveSmallIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(db_default=Now())
    deadline = models.DateTimeField(null=True)
    needs_verification = models.BooleanField(default=False)
    last_error = models.CharField(max_length=500, blank=True)
    last_code = models.CharField(max_length=40, blank=True)
    # While blocked: what it has in common with others that were blocked alike (`PushError.cause`).
    cause = models.CharField(max_length=40, blank=True)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField(db_default=Now())
    origin = models.CharField(max_length=6, choices=Origin.choices, default=Origin.RULE)
    request_id = models.CharField(max_length=64, blank=True)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    objects = PushJobQuerySet.as_manager()

    # What the claim saw: whether this is the first push of its kind, which a person follows. Who has not
    # claimed the row does not know.
    is_first: bool = True

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "subject"],
                condition=Q(state=JobState.CLAIMED),
                name="pushjob_one_claim_per_subject",
            ),
            models.UniqueConstraint(
                fields=["store", "kind", "subject"],
                condition=Q(state__in=WAITING_STATES, idempotency_key__isnull=False),
                name="pushjob_one_waiting_fact",
            ),
            models.CheckConstraint(
                condition=Q(idempotency_key__isnull=False, coalesce_key__isnull=True)
                | Q(idempotency_key__isnull=True, coalesce_key__isnull=False, state=JobState.PENDING)
                | (Q(idempotency_key__isnull=True, coalesce_key__isnull=True) & ~Q(state=JobState.PENDING)),
                name="pushjob_fact_or_state",
            ),
            models.CheckConstraint(
                condition=Q(state=JobState.CLAIMED, lease_until__isnull=False, lease_token__isnull=False)
                | (Q(lease_until__isnull=True, lease_token__isnull=True) & ~Q(state=JobState.CLAIMED)),
                name="pushjob_lease_while_claimed",
            ),
            models.CheckConstraint(
                condition=(Q(state=JobState.BLOCKED) & ~Q(failure_mode=""))
                | (~Q(state=JobState.BLOCKED) & Q(failure_mode="")),
                name="pushjob_mode_while_blocked",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FINISHED_STATES, finished_at__isnull=False)
                | (~Q(state__in=FINISHED_STATES) & Q(finished_at__isnull=True)),
                name="pushjob_finished_has_time",
            ),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="pushjob_known_state"),
            models.CheckConstraint(
                condition=Q(failure_mode__in=["", *FailureMode.values]), name="pushjob_known_mode"
            ),
            models.CheckConstraint(condition=Q(waiting_for__in=WaitReason.values), name="pushjob_known_wait"),
            models.CheckConstraint(condition=Q(origin__in=Origin.values), name="pushjob_known_origin"),
            models.CheckConstraint(condition=~Q(subject="") & ~Q(kind=""), name="pushjob_names_subject"),
        ]
        indexes = [
            models.Index(
                fields=["store", "not_before", "id"], condition=Q(state=JobState.PENDING), name="pushjob_due"
            ),
            models.Index(fields=["lease_until"], condition=Q(state=JobState.CLAIMED), name="pushjob_leases"),
            models.Index(fields=["store", "subject", "state", "step"], name="pushjob_subject"),
            models.Index(fields=["store", "state", "-id"], name="pushjob_list"),
            models.Index(fields=["-requested_at", "-id"], name="pushjob_newest"),
            models.Index(fields=["-updated_at"], name="pushjob_written"),
            models.Index(fields=["state", "-requested_at", "-id"], name="pushjob_state_newest"),
            models.Index(fields=["kind", "-requested_at", "-id"], name="pushjob_kind_newest"),
            models.Index(
                fields=["failure_mode", "cause", "kind", "-requested_at", "-id"],
                condition=Q(state=JobState.BLOCKED),
                name="pushjob_blocked_cause",
            ),
        ]

    @staticmethod
    def lease_length() -> timedelta:
        return timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def topic(self) -> tuple[int, str, str]:
        """What a request for the same thing shares with it (`Topic`)."""
        return (self.store_id, self.kind, self.subject)

    @property
    def is_fact(self) -> bool:
        return self.idempotency_key is not None


class PushAttempt(models.Model):
    """One try, saved before the call, so that a killed worker leaves a trace. `exchange` is redacted."""

    job = models.ForeignKey(PushJob, on_delete=models.CASCADE, related_name="attempt_rows")
    action = models.CharField(max_length=6, choices=AttemptAction.choices, default=AttemptAction.SEND)
    started_at = models.DateTimeField(db_default=Now())
    duration_ms = models.PositiveIntegerField(null=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    remote_code = models.CharField(max_length=40, blank=True)
    outcome = models.CharField(max_length=12, choices=AttemptOutcome.choices, blank=True)
    text = models.CharField(max_length=500, blank=True)
    exchange = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(action__in=AttemptAction.values), name="pushattempt_known_action"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=AttemptOutcome.values), name="pushattempt_known_outcome"
            ),
        ]
        indexes = [
            models.Index(
                fields=["started_at"], condition=Q(exchange__isnull=False), name="pushattempt_bodies"
            )
        ]


class ChannelPause(Stamped, Leased):
    """While the row exists no push of any store of the channel starts: the platform refuses the application
    itself. Whoever holds the lease asks the platform once and, when it answers, resumes all. Nobody lets it
    go, so that it is asked once a lease, over all workers."""

    channel = models.CharField(max_length=20, primary_key=True)
    reason = models.CharField(max_length=500)
    since = models.DateTimeField(db_default=Now())

    objects = StampedLeasedQuerySet["ChannelPause"].as_manager()

    class Meta:
        constraints = [lease_is_whole("channelpause_lease_is_whole")]

    @staticmethod
    def lease_length() -> timedelta:
        """How often the platform is asked."""
        return timedelta(minutes=1)


class StoreQueueQuerySet(models.QuerySet["StoreQueue"]):
    def open(self) -> StoreQueueQuerySet:
        """Queues that may start a push: store active, neither it nor its channel paused, breaker not open."""
        resting = Q(breaker_state=BreakerState.OPEN) & clock.ahead("reopen_at", LONGEST_REST)
        rows = self.filter(store__lifecycle=StoreLifecycle.ACTIVE, paused_mode="").exclude(resting)
        return rows.exclude(store__channel__in=ChannelPause.objects.values("channel"))

    def with_due_work(self) -> StoreQueueQuerySet:
        """Open queues with something due, the least recently served first. Whether it may be claimed is
        asked per store: over all of them PostgreSQL would join the whole queue with itself."""
        due = PushJob.objects.filter(is_due(), store=OuterRef("store"), state=JobState.PENDING)
        # Served in the future means by a wrong clock: it would be last until that time comes.
        served = Case(When(last_claimed_at__lte=Now(), then=F("last_claimed_at")), default=Value(None))
        return self.open().filter(Exists(due.flowing())).order_by(served.asc(nulls_first=True), "pk")


class StoreQueue(models.Model):
    """The pushes of one store: paused or not, and its breaker."""

    store = models.OneToOneField(Store, on_delete=models.CASCADE, related_name="push_queue")
    paused_mode = models.CharField(max_length=10, choices=PauseMode.choices, blank=True)
    paused_reason = models.CharField(max_length=500, blank=True)
    paused_at = models.DateTimeField(null=True)
    breaker_state = models.CharField(max_length=9, choices=BreakerState.choices, default=BreakerState.CLOSED)
    breaker_failures = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)
    reopen_at = models.DateTimeField(null=True)
    # What the platform said when it was not silence that opened the breaker.
    rest_reason = models.CharField(max_length=500, blank=True)
    last_claimed_at = models.DateTimeField(null=True)

    objects = StoreQueueQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(paused_mode="", paused_at__isnull=True))
                | (Q(paused_mode__in=PauseMode.values, paused_at__isnull=False)),
                name="storequeue_pause_has_time",
            ),
            models.CheckConstraint(
                condition=Q(breaker_state=BreakerState.CLOSED, reopen_at__isnull=True)
                | Q(
                    breaker_state__in=[BreakerState.OPEN, BreakerState.HALF_OPEN],
                    opened_at__isnull=False,
                    reopen_at__isnull=False,
                ),
                name="storequeue_breaker_has_time",
            ),
        ]

    @property
    def is_paused(self) -> bool:
        return bool(self.paused_mode)


class RateLimit(models.Model):
    """GCRA state of one call for a store (`store:<id>`) or an app (`app:<key>`), all in one row.

    `*_us` are microseconds since 1970 by the database's clock: the theoretical arrival time of the whole
    limit and of each share, and when each share last asked. `day` counts days since 1970; the counters
    beside it belong to that day. `resume_at` closes the limit because the platform said so: for a limit, a
    quota, or because it did not grant the call to the store.
    """

    scope = models.CharField(max_length=80)
    call = models.CharField(max_length=60)
    arrival_us = models.BigIntegerField(default=0)
    push_arrival_us = models.BigIntegerField(default=0)
    import_arrival_us = models.BigIntegerField(default=0)
    push_asked_us = models.BigIntegerField(default=0)
    import_asked_us = models.BigIntegerField(default=0)
    day = models.IntegerField(default=0)
    used = models.PositiveIntegerField(default=0)
    push_used = models.PositiveIntegerField(default=0)
    import_used = models.PositiveIntegerField(default=0)
    resume_at = models.DateTimeField(null=True)
    resume_reason = models.CharField(max_length=6, choices=WaitReason.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "call"], name="ratelimit_unique"),
            models.CheckConstraint(
                condition=Q(used__gte=F("push_used") + F("import_used")), name="ratelimit_counts_add_up"
            ),
            models.CheckConstraint(
                condition=Q(resume_at__isnull=True, resume_reason="")
                | Q(
                    resume_at__isnull=False,
                    resume_reason__in=[WaitReason.LIMIT, WaitReason.QUOTA, WaitReason.GRANT],
                ),
                name="ratelimit_hold_has_reason",
            ),
        ]


class FirstPush(Stamped, Leased):
    """The first push of a kind for a store, which a person lets go and which is read back after it.

    The row holds back every other push of its kind until `cleared_at`. `job` is the push a person let go;
    `compared` what was read back, as `clearance.Compared` writes it: names and codes, no personal data.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="first_pushes")
    kind = models.CharField(max_length=40)
    job = models.ForeignKey(PushJob, on_delete=models.SET_NULL, null=True, related_name="+")
    released_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    released_at = models.DateTimeField(null=True)
    check_at = models.DateTimeField(db_default=Now())
    checks = models.PositiveSmallIntegerField(default=0)
    verdict = models.CharField(max_length=9, choices=FirstVerdict.choices, blank=True)
    compared = models.JSONField(default=list)
    note = models.CharField(max_length=500, blank=True)
    # Digest of what the person saw of `job`; empty for one let go before this was kept.
    seen = models.CharField(max_length=64, blank=True)
    cleared_at = models.DateTimeField(null=True)
    cleared_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = StampedLeasedQuerySet["FirstPush"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "kind"], name="firstpush_once_per_kind"),
            models.CheckConstraint(
                condition=Q(job__isnull=True) | Q(released_at__isnull=False),
                name="firstpush_release_has_time",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["", *FirstVerdict.values]), name="firstpush_known_verdict"
            ),
            models.CheckConstraint(
                condition=~Q(verdict=FirstVerdict.CONFIRMED) | Q(cleared_at__isnull=False),
                name="firstpush_confirmed_is_cleared",
            ),
            lease_is_whole("firstpush_lease_is_whole"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} store {self.store_id}"

    @staticmethod
    def lease_length() -> timedelta:
        """Of one reading back."""
        return timedelta(seconds=60)

    @property
    def stage(self) -> FirstStage:
        """Where the row stands: the state of its push tells, so that nothing must be kept in step."""
        if self.cleared_at is not None:
            return FirstStage.CLEARED
        if self.job is None or self.job.state in (JobState.CANCELLED, JobState.SUPERSEDED):
            return FirstStage.WAITING
        if self.job.state == JobState.DONE:
            return FirstStage.DIFFERENT if self.verdict else FirstStage.CHECKING
        return FirstStage.BLOCKED if self.job.state == JobState.BLOCKED else FirstStage.SENDING
