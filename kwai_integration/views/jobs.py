"""*Envios ao Kwai*: every push, its attempts, why it stands where it stands, and *enviar de novo*."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from erp.accounts.models import User
from erp.channels import RowOutcome, RowResult, row_refused
from erp.outbox.commands import jobs_cancel, jobs_retry
from erp.outbox.models import PushJob
from erp.outbox.selectors import jobs_done, pause_text, queue_notices
from erp.outbox.statuses import AttemptOutcome, FailureMode, JobState, WaitReason
from erp.sales.models import Order
from erp.search.finding import Matches, Search
from erp.web.lists import ChoiceFilter, Column, Empty, ListAction, ListPage, Sort, Tab
from erp.web.requests import user_of
from invoices.models import ISSUED, Invoice
from kwai_integration import refusals
from kwai_integration.outbound.badges import HELD_BACK
from kwai_integration.outbound.kinds import Kind
from kwai_integration.search import pushes_found
from kwai_integration.views.first_push import first_push_shown, held_texts
from kwai_integration.views.scope import STORE

AGAIN = "envie de novo"
OPEN = (JobState.PENDING, JobState.CLAIMED)
REASONS = {
    "retry": {
        JobState.DONE: refusals.PUSH_DONE,
        JobState.CLAIMED: refusals.PUSH_UNDER_WAY,
        JobState.SUPERSEDED: refusals.PUSH_SUPERSEDED,
    },
    "cancel": {
        JobState.DONE: refusals.PUSH_DONE,
        JobState.CLAIMED: refusals.PUSH_UNDER_WAY,
        JobState.SUPERSEDED: refusals.PUSH_ENDED,
        JobState.CANCELLED: refusals.PUSH_CANCELLED,
    },
}


def _kind_choices(request: HttpRequest) -> list[tuple[str, str]]:
    return [(kind.value, kind.label) for kind in Kind]


def _jobs(request: HttpRequest) -> QuerySet[PushJob]:
    rows = PushJob.objects.visible_to(user_of(request)).filter(kind__in=list(Kind))
    return rows.with_is_held().select_related("store__push_queue", "requested_by")


@dataclass(frozen=True, slots=True)
class JobExtra:
    """`next_step` says what the push waits for, or what to do about it."""

    kind_label: str
    state: JobState
    next_step: str


class JobList(ListPage[PushJob]):
    title = "Envios ao Kwai"
    pretitle = "Vendas"
    columns = (
        Column("Pedido no Kwai", "kwai/cells/job_subject.html", export="subject"),
        Column("Loja", "store.name", shown_from="xxl", css="text-secondary"),
        Column("Envio", "extra.kind_label"),
        Column("Situação", "kwai/cells/job_state.html"),
        Column("Motivo e próximo passo", "kwai/cells/job_reason.html", css="wide-cell"),
        Column("Tentativas", "attempts", numeric=True, shown_from="lg"),
        Column("Solicitado", "requested_at|ago", shown_from="md", css="text-secondary", sort="requested"),
        Column("Por", 'requested_by|default:"automático"', shown_from="xl", css="text-secondary"),
    )
    sorts = (Sort("requested", ("requested_at",), newest_first=True),)
    order_by = ("-requested_at", "-pk")
    search_fields = ("subject",)
    search_label = "número do pedido, comprador ou item"
    tabs = (
        Tab("all", "todos"),
        Tab("open", "na fila", Q(state__in=OPEN)),
        Tab("blocked", "parados", Q(state=JobState.BLOCKED)),
        Tab("done", "enviados", Q(state=JobState.DONE)),
        Tab("closed", "encerrados", Q(state__in=[JobState.SUPERSEDED, JobState.CANCELLED])),
    )
    filters = (
        STORE,
        ChoiceFilter("kind", "Envio", "kind", choices=_kind_choices, all_label="todos"),
    )
    actions = (
        ListAction("retry", "enviar de novo", "refresh", in_bar=True),
        ListAction("cancel", "cancelar envio", "x", tone="danger", confirm="Cancelar os envios marcados?"),
    )
    template_name = "kwai/jobs.html"
    poll_seconds = 5
    empty = Empty(
        "Nada foi enviado ainda",
        "Os envios aparecem aqui quando uma NF-e, um rastreio ou uma entrega é enviada ao Kwai.",
    )

    def queryset(self) -> QuerySet[PushJob]:
        return _jobs(self.request)

    def watched(self) -> Sequence[QuerySet[PushJob]]:
        return [PushJob.objects.visible_to(user_of(self.request))]

    def matches(self, search: Search) -> Matches:
        return pushes_found(search)

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        jobs = list(PushJob.objects.filter(pk__in=ids))
        held = held_texts(jobs, user_of(self.request)) if action == "retry" else {}
        return {job.pk: REASONS[action].get(JobState(job.state), held.get(job.pk, "")) for job in jobs}

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult]:
        do = jobs_retry if action == "retry" else jobs_cancel
        outcome = RowOutcome.QUEUED if action == "retry" else RowOutcome.DONE
        return [
            RowResult(result.job_id, outcome, result.text)
            if result.accepted
            else row_refused(result.job_id, result.refusal)
            for result in do(job_ids=ids, requested_by=user_of(self.request))
        ]

    def extras(self, objects: list[PushJob]) -> Mapping[int, JobExtra]:
        return _described(objects, user_of(self.request))

    def extra_context(self) -> dict[str, object]:
        return {"notices": queue_notices(user=user_of(self.request))}

    def row_label(self, obj: PushJob) -> str:
        return f"{obj.subject} · {Kind(obj.kind).label}"

    def row_url(self, obj: PushJob) -> str:
        return reverse("kwai:job", args=[obj.pk])


@require_safe
def job_detail(request: HttpRequest, pk: int) -> HttpResponse:
    job = get_object_or_404(_jobs(request), pk=pk)
    attempts = [
        (attempt, AttemptOutcome(attempt.outcome) if attempt.outcome in AttemptOutcome.values else None)
        for attempt in job.attempt_rows.order_by("-pk")[:50]
    ]
    order = Order.objects.filter(store_id=job.store_id, external_id=job.subject).first()
    first = first_push_shown(job, user_of(request))
    context = {
        "job": job,
        "shown": _described([job], user_of(request))[job.pk],
        "attempts": attempts,
        "order": order,
        "first": first,
        "invoice": _invoice(job, order),
    }
    return render(request, "kwai/job.html", context)


def _invoice(job: PushJob, order: Order | None) -> Invoice | None:
    """The note that this push brings, or that its order waits for."""
    if order is None:
        return None
    own = Invoice.objects.filter(order=order)
    sent = job.payload.get("invoice_id")
    return own.filter(pk=sent).first() if sent else own.filter(status__in=ISSUED).order_by("pk").last()


def _described(jobs: Sequence[PushJob], user: User) -> dict[int, JobExtra]:
    """What the templates show beside each of these jobs. One query, and another where some wait for the first
    of their kind."""
    held = held_texts(jobs, user)
    marks = jobs_done(subjects={(job.store_id, job.subject) for job in jobs}, kinds=list(Kind))
    shown: dict[int, JobExtra] = {}
    for job in jobs:
        mark = marks[(job.store_id, job.subject)].get(job.kind)
        held_back_by = mark.held_back_by if mark and mark.job_id == job.pk else ""
        waits = pause_text(job.store) or held.get(job.pk, "")
        shown[job.pk] = JobExtra(
            Kind(job.kind).label, JobState(job.state), _next_step(job, held_back_by, waits)
        )
    return shown


def _next_step(job: PushJob, held_back_by: str, held: str) -> str:
    if held_back_by:
        return f"{HELD_BACK[Kind(held_back_by)].capitalize()}. Resolva aquele envio; este segue sozinho."
    if job.failure_mode == FailureMode.REJECTED and AGAIN in job.last_error:
        return ""  # the refusal itself says what to do
    if job.failure_mode:
        return FailureMode(job.failure_mode).next_step
    if held and job.state == JobState.PENDING:
        return held
    return WaitReason(job.waiting_for).label if job.state == JobState.PENDING and job.waiting_for else ""
