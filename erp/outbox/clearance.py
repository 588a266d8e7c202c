"""*Primeiro envio acompanhado*: the first push of each kind for a store waits for a person who sees what will
be sent, and is read back after it; then the others of its kind flow.

A row of `FirstPush` holds a kind back (`PushJobQuerySet.flowing`), so that nothing has to be remembered by a
process: a worker killed at any point leaves a row that says what comes next. A channel registers with
`follow(...)` the kinds it wants followed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Exists, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from erp import clock
from erp.accounts.models import Store, User
from erp.leases import LeasedQuerySet
from erp.outbox import refusals
from erp.outbox.commands import jobs_cancel
from erp.outbox.errors import NotYet, PushError
from erp.outbox.models import FirstPush, PushAttempt, PushJob
from erp.outbox.push_requests import JobResult
from erp.outbox.statuses import (
    OPEN_STATES,
    AttemptAction,
    AttemptOutcome,
    FirstStage,
    FirstVerdict,
    JobState,
)
from erp.outbox.waking import wake_stores

logger = logging.getLogger(__name__)

# A platform may take a moment until it shows what it has taken: so long after each look comes the next one,
# and what still differs after the last one is said to a person.
LOOKS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
WITHHELD = "Não enviado: quem conferiu o primeiro envio decidiu não enviar."


@dataclass(frozen=True, slots=True)
class PreviewField:
    """One field of the request as it will leave; `meaning` is what a person reads (a date, an amount)."""

    name: str
    value: str
    meaning: str = ""
    is_personal: bool = False


@dataclass(frozen=True, slots=True)
class PushPreview:
    """What will be sent. `call` is verb and path; `problem` says why it cannot be shown."""

    call: str
    fields: Sequence[PreviewField] = ()
    problem: str = ""

    @property
    def digest(self) -> str:
        """Tells one content from another and nothing else of it."""
        text = json.dumps([self.call, [[field.name, field.value] for field in self.fields], self.problem])
        return salted_hmac("outbox.first_push", text, algorithm="sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Compared:
    """One field read back: what was sent and what the platform shows, as words without personal data."""

    label: str
    sent: str
    found: str
    is_equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A kind whose first push is followed while `is_on()`.

    - `preview(job)` says what will be sent; it reads rows only, and the same rows give the same answer.
    - `compare(job)` reads the platform after the push; runs with no transaction open, raises `PushError`.
    """

    kind: str
    is_on: Callable[[], bool]
    preview: Callable[[PushJob], PushPreview]
    compare: Callable[[PushJob], list[Compared]]


_followed: dict[str, Followed] = {}


def follow(followed: Followed) -> None:
    """Add a kind, or replace it."""
    _followed[followed.kind] = followed


def preview(job: PushJob) -> PushPreview | None:
    """What `job` will send; None for a kind that nobody follows."""
    followed = _followed.get(job.kind)
    return followed.preview(job) if followed else None


def first_pushes_ensure(topics: Collection[tuple[int, str]]) -> None:
    """Hold back the kinds of `(store id, kind)` that are followed and were never pushed there."""
    rows = [
        FirstPush(store_id=store_id, kind=kind)
        for store_id, kind in sorted(topics)
        if kind in _followed and _followed[kind].is_on()
    ]
    if rows:
        FirstPush.objects.bulk_create(rows, ignore_conflicts=True)


def unfollowed_clear() -> int:
    """Let kinds flow that nobody follows any more (the setting was turned off); returns how many."""
    on = [followed.kind for followed in _followed.values() if followed.is_on()]
    return FirstPush.objects.filter(cleared_at__isnull=True).exclude(kind__in=on).update(cleared_at=Now())


def first_pushes(*, user: User) -> QuerySet[FirstPush]:
    """What is held back in the stores `user` may see, in one query. `candidate_id` is the oldest push that
    could go first, `waiting` how many of its kind are queued."""
    waits = PushJob.objects.filter(store=OuterRef("store"), kind=OuterRef("kind"), state=JobState.PENDING)
    count = waits.order_by().values("kind").annotate(count=Count("pk")).values("count")
    rows = FirstPush.objects.filter(cleared_at__isnull=True, store__in=Store.objects.visible_to(user))
    return (
        rows.annotate(
            candidate_id=Subquery(_ready(waits).order_by("pk").values("pk")[:1]),
            waiting=Subquery(count, output_field=IntegerField()),
        )
        .select_related("store", "job")
        .order_by("store__name", "kind")
    )


def kinds_held(store_ids: Collection[int]) -> set[tuple[int, str]]:
    """`(store id, kind)` of what waits until the first push of its kind was looked at; one query."""
    rows = FirstPush.objects.filter(store__in=store_ids, cleared_at__isnull=True)
    return set(rows.values_list("store_id", "kind"))


def first_push_of(job: PushJob) -> FirstPush | None:
    """The row that holds `job` back, or that shows what became of it as a first push."""
    row = FirstPush.objects.filter(store_id=job.store_id, kind=job.kind).select_related("job").first()
    return row if row and (row.cleared_at is None or row.job_id == job.pk) else None


@transaction.atomic
def first_push_release(*, job_id: int, user: User | None, seen: str = "") -> JobResult:
    """*Enviar*: let this push go first. `seen` is the digest of the preview the person looked at, where
    known. Scoping by membership is the caller's."""
    job, row = _locked(job_id)
    if job is None or row is None or row.cleared_at is not None:
        return JobResult(job_id, False, refusals.NOT_HELD)
    if job.state != JobState.PENDING:
        return JobResult(job_id, False, refusals.NOT_QUEUED.of(state=JobState(job.state).label.lower()))
    if row.stage in (FirstStage.SENDING, FirstStage.CHECKING):
        return JobResult(job_id, False, refusals.OTHER_FIRST)
    shown = preview(job)
    digest = shown.digest if shown else ""
    if seen and seen != digest:
        return JobResult(job_id, False, refusals.CHANGED)
    FirstPush.objects.filter(pk=row.pk).revoke(
        job=job, seen=digest, released_by=user, released_at=Now(), check_at=Now(), checks=0, verdict="",
        compared=[], note="",
    )  # fmt: skip
    wake_stores({job.store_id})
    return JobResult(job_id, True, "Enviando. O ERP lê de volta o que a plataforma recebeu e mostra aqui.")


@transaction.atomic
def first_push_withhold(*, job_id: int, user: User | None) -> JobResult:
    """*Não enviar*: give this push up; the next of its kind asks again."""
    _, row = _locked(job_id)
    if row is None or row.cleared_at is not None:
        return JobResult(job_id, False, refusals.NOT_HELD)
    result = jobs_cancel(job_ids=[job_id], requested_by=user, reason=WITHHELD)[0]
    if result.accepted:
        FirstPush.objects.filter(pk=row.pk, job_id=job_id).update(job=None)
    return result


@transaction.atomic
def first_push_clear(*, job_id: int, user: User | None) -> JobResult:
    """*Liberar os outros*: a person has seen what differs and lets the kind flow."""
    return _decide(job_id, "Liberado: os outros envios deste tipo seguem.", cleared_at=Now(), cleared_by=user)


@transaction.atomic
def first_push_recheck(*, job_id: int) -> JobResult:
    """*Conferir de novo*: read the platform once more."""
    text = "Conferindo de novo na plataforma."
    return _decide(job_id, text, verdict="", checks=0, check_at=Now(), note="")


def stores_to_check() -> list[int]:
    """Stores with a first push that is to be read back now."""
    return list(_checkable().values_list("store_id", flat=True).distinct())


def checks_run() -> int:
    """Read back what is due; returns how many rows. Runs with no transaction open."""
    return sum(_check(row) for row in _claims())


def seen_check(job: PushJob) -> None:
    """Right before the first push of a kind is sent: only what the person saw leaves. Raises `NotYet` when it
    changed since; then it waits to be looked at again."""
    followed = _followed.get(job.kind)
    if followed is None or not followed.is_on() or not job.is_first:
        return
    row = FirstPush.objects.filter(job=job, cleared_at__isnull=True).exclude(seen="").first()
    if row is None or followed.preview(job).digest == row.seen:
        return
    FirstPush.objects.filter(pk=row.pk, job=job, cleared_at__isnull=True).update(
        job=None, note=refusals.CHANGED
    )
    raise NotYet(timezone.now(), refusals.CHANGED, asks_person=True)


def unwritten(job: PushJob) -> None:
    """The platform already held this content, so nothing was written: the next push goes first instead.
    Unless an answer of an earlier try was lost: then it may have been this one that wrote it."""
    unclear = (AttemptOutcome.RUNNING, AttemptOutcome.UNKNOWN, AttemptOutcome.LOST)
    lost = PushAttempt.objects.filter(job=job, action=AttemptAction.SEND, outcome__in=unclear)
    if not lost.exists():
        FirstPush.objects.filter(job=job, cleared_at__isnull=True).update(
            job=None, note="O envio escolhido já estava na plataforma, e nada foi escrito: confira o próximo."
        )


def _ready(waits: QuerySet[PushJob]) -> QuerySet[PushJob]:
    """Those with no earlier step of their subject open."""
    lower = PushJob.objects.filter(
        store=OuterRef("store"), subject=OuterRef("subject"), state__in=OPEN_STATES, step__gt=0,
        step__lt=OuterRef("step"),
    )  # fmt: skip
    return waits.filter(~Exists(lower))


def _locked(job_id: int) -> tuple[PushJob | None, FirstPush | None]:
    job = PushJob.objects.filter(pk=job_id).first()
    if job is None:
        return None, None
    rows = FirstPush.objects.filter(store_id=job.store_id, kind=job.kind).select_related("job")
    return job, rows.select_for_update(of=("self",)).first()


def _decide(job_id: int, text: str, **changes: object) -> JobResult:
    job, row = _locked(job_id)
    if job is None or row is None or row.job_id != job_id or not _is_decidable(row):
        return JobResult(job_id, False, refusals.NOTHING_TO_DECIDE)
    FirstPush.objects.filter(pk=row.pk).update(**changes)
    wake_stores({job.store_id})
    return JobResult(job_id, True, text)


def _is_decidable(row: FirstPush) -> bool:
    """A person may go on when what was found differs, and also when nothing can be read."""
    return row.stage is FirstStage.DIFFERENT or (row.stage is FirstStage.CHECKING and bool(row.note))


def _checkable() -> LeasedQuerySet[FirstPush]:
    """Due and free."""
    due = clock.reached("check_at", LOOKS[-1])
    rows = FirstPush.objects.free().filter(due, cleared_at__isnull=True, verdict="")
    return rows.filter(job__state=JobState.DONE)


def _claims() -> Iterator[FirstPush]:
    """Each row to read back, claimed."""
    for pk in list(_checkable().order_by("check_at").values_list("pk", flat=True)):
        if token := _checkable().filter(pk=pk).claim():
            yield from FirstPush.objects.select_related("job").filter(pk=pk).held(token)


def _check(row: FirstPush) -> bool:
    """Compare and write what was found; False when the lease went to somebody else meanwhile."""
    followed = _followed.get(row.kind)
    if followed is None or row.job is None:
        return False
    try:
        compared = followed.compare(row.job)
    except PushError as error:
        changes: dict[str, object] = {"note": error.text[:500], "check_at": clock.after(LOOKS[-1])}
    except Exception as error:
        logger.exception("Reading back first push %s broke: %s", row.pk, type(error).__name__)
        text = "O ERP não conseguiu ler de volta este envio. Avise o suporte."
        changes = {"note": text, "check_at": clock.after(LOOKS[-1])}
    else:
        changes = _found(row, compared)
    rows = FirstPush.objects.filter(pk=row.pk, cleared_at__isnull=True)
    written = rows.release(row.lease_token, **changes)
    if written and changes.get("verdict") == FirstVerdict.CONFIRMED:
        wake_stores({row.store_id})
    return written


def _found(row: FirstPush, compared: Sequence[Compared]) -> dict[str, object]:
    changes: dict[str, object] = {
        "compared": [asdict(one) for one in compared],
        "checks": F("checks") + 1,
        "note": "",
    }
    if compared and all(one.is_equal for one in compared):
        return changes | {"verdict": FirstVerdict.CONFIRMED, "cleared_at": Now()}
    if row.checks < len(LOOKS):
        return changes | {"check_at": clock.after(LOOKS[row.checks])}
    return changes | {"verdict": FirstVerdict.DIFFERENT}
