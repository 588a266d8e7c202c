"""The first push of a kind on the pages: what will be sent, *enviar* / *não enviar*, what was read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from erp.accounts.models import User
from erp.accounts.permissions import may
from erp.outbox import clearance
from erp.outbox.models import FirstPush, PushJob
from erp.outbox.push_requests import JobResult
from erp.outbox.statuses import FirstStage, JobState
from erp.web.requests import user_of
from kwai_integration.outbound.kinds import Kind

HIDDEN = "•••"


@dataclass(frozen=True)
class Shown:
    """The card of a push's page. `is_own`: this push is the one a person let go, or may let go."""

    row: FirstPush
    stage: FirstStage
    preview: clearance.PushPreview | None
    may_act: bool
    may_go: bool
    is_own: bool
    other: PushJob | None

    @property
    def may_settle(self) -> bool:
        """Whether there is a button to press: send or withhold, else look again or let the others go."""
        unclear = self.stage is FirstStage.CHECKING and bool(self.row.note)
        return self.may_go or (self.is_own and (unclear or self.stage is FirstStage.DIFFERENT))


def first_push_shown(job: PushJob, user: User) -> Shown | None:
    """What the page of `job` says about the first push of its kind; None when its kind flows.

    Fields that identify a person are shown only to who may send.
    """
    row = clearance.first_push_of(job)
    if row is None:
        return None
    stage, may_act = row.stage, may(user, "kwai:job_first", "POST")
    may_go = job.state == JobState.PENDING and stage not in (FirstStage.SENDING, FirstStage.CHECKING)
    seen = clearance.preview(job) if job.state == JobState.PENDING else None
    if seen is not None and not may_act:
        seen = _masked(seen)
    other = row.job if row.job_id != job.pk and stage is not FirstStage.WAITING else None
    return Shown(row, stage, seen, may_act, may_go, row.job_id == job.pk, other)


def held_texts(jobs: Iterable[PushJob], user: User) -> dict[int, str]:
    """Why a queued push waits for the first one of its kind, per job id; one query where one does."""
    queued = [job for job in jobs if job.state == JobState.PENDING and getattr(job, "is_held", True)]
    rows = {(row.store_id, row.kind): row for row in clearance.first_pushes(user=user)} if queued else {}
    found = {
        job.pk: _held_text(job, rows[job.store_id, job.kind])
        for job in queued
        if (job.store_id, job.kind) in rows
    }
    return {pk: text for pk, text in found.items() if text}


@require_POST
def job_first(request: HttpRequest, pk: int) -> HttpResponse:
    """*Enviar*, *não enviar*, *conferir de novo* and *liberar os outros*."""
    user = user_of(request)
    job = get_object_or_404(PushJob.objects.visible_to(user).filter(kind__in=list(Kind)), pk=pk)
    act = ACTS.get(request.POST.get("do", ""))
    if act is not None:
        result = act(job.pk, user, request.POST.get("seen", ""))
        (messages.success if result.accepted else messages.warning)(request, result.text)
    return redirect("kwai:job", pk=job.pk)


ACTS: dict[str, Callable[[int, User, str], JobResult]] = {
    "send": lambda pk, user, seen: clearance.first_push_release(job_id=pk, user=user, seen=seen),
    "withhold": lambda pk, user, _: clearance.first_push_withhold(job_id=pk, user=user),
    "recheck": lambda pk, user, _: clearance.first_push_recheck(job_id=pk),
    "clear": lambda pk, user, _: clearance.first_push_clear(job_id=pk, user=user),
}


def _held_text(job: PushJob, row: FirstPush) -> str:
    stage = row.stage
    if row.job_id == job.pk and stage is FirstStage.SENDING:
        return ""
    candidate = row.candidate_id  # type: ignore[attr-defined]
    if stage is FirstStage.WAITING and candidate == job.pk:
        return "Espera a sua conferência: é o primeiro envio deste tipo nesta loja."
    if stage is FirstStage.WAITING and candidate is None:
        return "Espera um passo anterior do pedido; depois, como primeiro deste tipo, a sua conferência."
    return f"Espera o primeiro envio deste tipo nesta loja ({stage.label.lower()})."


def _masked(seen: clearance.PushPreview) -> clearance.PushPreview:
    fields = [
        clearance.PreviewField(field.name, HIDDEN, is_personal=True) if field.is_personal else field
        for field in seen.fields
    ]
    return clearance.PushPreview(seen.call, fields, seen.problem)
