"""*Envios ao Kwai*: every push, why it stands where it stands, what mends it, and *enviar de novo*.

*Parados* shows a row for each order, the other tabs one for each push: orders are counted by looking at every
push of theirs, which only the few that are blocked allow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from erp.accounts.models import User
from erp.channels import Badge, RowOutcome, RowResult, row_refused
from erp.outbox.commands import jobs_cancel, jobs_retry
from erp.outbox.models import PushJob, last_blocked_of_subject
from erp.outbox.overview import blocked_causes
from erp.outbox.push_requests import JobResult
from erp.outbox.selectors import Mark, marks_of, pause_text, pushes_about
from erp.outbox.statuses import WAITING_STATES, FailureMode, JobState, WaitReason
from erp.search.finding import Matches, Search
from erp.web.lists import ChoiceFilter, Column, Empty, Filter, ListAction, ListPage, Sort, Tab
from erp.web.lists.paging import Count
from erp.web.requests import text_of, user_of
from kwai_integration import refusals
from kwai_integration.outbound.badges import HELD_BACK, push_badges
from kwai_integration.outbound.causes import Mend, cause_key, cause_label, cause_read, mend_of
from kwai_integration.outbound.kinds import Kind
from kwai_integration.search import pushes_found
from kwai_integration.views.first_push import held_texts
from kwai_integration.views.push_board import push_board
from kwai_integration.views.scope import STORE

AGAIN = "envie de novo"
RETRY, CANCEL = "retry", "cancel"
BLOCKED_TAB, BY_PUSH = "blocked", "pushes"
OPEN = (JobState.PENDING, JobState.CLAIMED)
# Of an order's row: which of its pushes an action is for.
TAKEN_BY = {RETRY: (JobState.BLOCKED,), CANCEL: WAITING_STATES}
REASONS = {
    RETRY: {
        JobState.DONE: refusals.PUSH_DONE,
        JobState.CLAIMED: refusals.PUSH_UNDER_WAY,
        JobState.SUPERSEDED: refusals.PUSH_SUPERSEDED,
    },
    CANCEL: {
        JobState.DONE: refusals.PUSH_DONE,
        JobState.CLAIMED: refusals.PUSH_UNDER_WAY,
        JobState.SUPERSEDED: refusals.PUSH_ENDED,
        JobState.CANCELLED: refusals.PUSH_CANCELLED,
    },
}


def _kind_choices(request: HttpRequest) -> list[tuple[str, str]]:
    return [(kind.value, kind.label) for kind in Kind]


def _cause_choices(request: HttpRequest) -> list[tuple[str, str]]:
    """The one that the address names: the panel offers them."""
    key = text_of(request.GET, "cause")
    label = cause_label(key)
    return [(key, label)] if label else []


KIND = ChoiceFilter("kind", "Envio", "kind", choices=_kind_choices, all_label="todos")
# A part of the tab *parados*: the other tabs have no causes, and would be read to the end for one.
CAUSE = ChoiceFilter("cause", "Motivo", lambda key: Q(), choices=_cause_choices, all_label="todos")
ROWS = ChoiceFilter(
    "rows",
    "Linhas",
    lambda value: Q(),
    choices=((BY_PUSH, "visão por envio"),),
    all_label="visão por pedido",
)


def jobs_visible(request: HttpRequest) -> QuerySet[PushJob]:
    """The pushes to Kwai that this person may see, with what pages read beside them."""
    rows = PushJob.objects.visible_to(user_of(request)).filter(kind__in=list(Kind))
    return rows.with_is_held().select_related("store__push_queue", "requested_by")


@dataclass(frozen=True, slots=True)
class JobExtra:
    """`job` is the push that the row tells of, of an order the step that stopped first. `next_step` says what
    it waits for, or what to do about it; `markers` all pushes of its order."""

    job: PushJob
    kind_label: str
    state: JobState
    next_step: str
    mend: Mend | None
    markers: Sequence[Badge] = ()


@dataclass(frozen=True, slots=True)
class ShownCause:
    """Pushes that stopped for the same reason. `query` leads to exactly these, `job` is one of them."""

    job: PushJob
    label: str
    count: Count
    mend: Mend | None
    query: str
    is_chosen: bool

    @property
    def retry_question(self) -> str:
        return f"Reenviar {self._them}? O ERP confere no Kwai antes de repetir o que já pode ter chegado."

    @property
    def cancel_question(self) -> str:
        return f"Cancelar {self._them}? O Kwai não recebe nada do que ainda não tem."

    @property
    def _them(self) -> str:
        return f"todos os {self.count} envios deste motivo" if self.count.known > 1 else "este envio"


class JobList(ListPage[PushJob]):
    title = "Envios ao Kwai"
    pretitle = "Vendas"
    columns = (
        Column("Pedido no Kwai", "kwai/cells/job_subject.html", export="subject"),
        Column("Loja", "store.name", shown_from="xxl", css="text-secondary"),
        Column("Passos", "kwai/cells/job_markers.html", css="text-nowrap", export=None),
        Column("Envio", "extra.kind_label"),
        Column("Situação", "kwai/cells/job_state.html"),
        Column("Motivo e próximo passo", "kwai/cells/job_reason.html", css="wide-cell"),
        Column("Tentativas", "extra.job.attempts", numeric=True, shown_from="xxl"),
        Column("Solicitado", "requested_at|ago", shown_from="md", css="text-secondary", sort="requested"),
        Column("Por", 'requested_by|default:"automático"', shown_from="xxl", css="text-secondary"),
    )
    sorts = (Sort("requested", ("requested_at",), newest_first=True),)
    order_by = ("-requested_at", "-pk")
    search_fields = ("subject",)
    search_label = "número do pedido, comprador ou item"
    actions = (
        ListAction(RETRY, "enviar de novo", "refresh", in_bar=True),
        ListAction(CANCEL, "cancelar envio", "x", tone="danger", confirm="Cancelar os envios marcados?"),
    )
    template_name = "kwai/jobs.html"
    partial_name = "kwai/jobs_partial.html"
    poll_seconds = 5
    empty = Empty(
        "Nada foi enviado ainda",
        "Os envios aparecem aqui quando uma NF-e, um rastreio ou uma entrega é enviada ao Kwai.",
    )

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """The bare address opens what waits for a person, and from then on says so: what an action on the
        whole list is for must not change by itself."""
        if not request.GET and self._has_blocked():
            return redirect(f"{request.path}?tab={BLOCKED_TAB}")
        return super().get(request, *args, **kwargs)

    def _has_blocked(self) -> bool:
        own = PushJob.objects.visible_to(user_of(self.request))
        return own.filter(kind__in=list(Kind), state=JobState.BLOCKED).exists()

    @cached_property
    def tabs(self) -> Sequence[Tab]:  # type: ignore[override]
        blocked = Q(state=JobState.BLOCKED) & self._cause
        if not self._is_by_push:
            blocked = last_blocked_of_subject(self._chosen) & self._cause
        return (
            Tab("all", "todos"),
            Tab("open", "na fila", Q(state__in=OPEN)),
            Tab(BLOCKED_TAB, "parados", blocked),
            Tab("done", "enviados", Q(state=JobState.DONE)),
            Tab("closed", "encerrados", Q(state__in=[JobState.SUPERSEDED, JobState.CANCELLED])),
        )

    @property
    def filters(self) -> Sequence[Filter]:
        """Lines and causes are a matter of *parados* alone."""
        cause = (CAUSE,) if self._is_of_blocked and _cause_choices(self.request) else ()
        return (STORE, KIND, *cause, *((ROWS,) if self._is_of_blocked else ()))

    @property
    def _is_of_blocked(self) -> bool:
        return self.request.GET.get("tab") == BLOCKED_TAB

    @property
    def _is_by_push(self) -> bool:
        return self._is_of_blocked and self.request.GET.get(ROWS.name) == BY_PUSH

    @property
    def _is_by_order(self) -> bool:
        return self._is_of_blocked and not self._is_by_push

    @property
    def _cause(self) -> Q:
        read = cause_read(text_of(self.request.GET, CAUSE.name)) if self._is_of_blocked else None
        return Q(**(read or {}))

    @property
    def _chosen(self) -> Q:
        """Which pushes of an order the filters keep."""
        return self._condition(KIND) & self._cause

    def _condition(self, each: Filter) -> Q:
        value = text_of(self.request.GET, each.name)
        return each.condition(value, partial(self._options, each)) or Q()

    def _is_filtered(self) -> bool:
        """Choosing how to look at the list takes nothing out of it."""
        names = ("store", KIND.name, CAUSE.name)
        return bool(self.search_text) or any(self.request.GET.get(name) for name in names)

    def queryset(self) -> QuerySet[PushJob]:
        return jobs_visible(self.request)

    def watched(self) -> Sequence[QuerySet[PushJob]]:
        return [PushJob.objects.visible_to(user_of(self.request))]

    def matches(self, search: Search) -> Matches:
        return pushes_found(search)

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        jobs = list(PushJob.objects.filter(pk__in=ids))
        held = held_texts(jobs, user_of(self.request)) if action == RETRY else {}
        return {job.pk: REASONS[action].get(JobState(job.state), held.get(job.pk, "")) for job in jobs}

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult]:
        pushes = self._pushes_of_orders(action, ids) if self._is_by_order else {}
        wanted = [pk for row_id in ids for pk in pushes.get(row_id) or [row_id]]
        do = jobs_retry if action == RETRY else jobs_cancel
        results = {each.job_id: each for each in do(job_ids=wanted, requested_by=user_of(self.request))}
        outcome = RowOutcome.QUEUED if action == RETRY else RowOutcome.DONE
        return [
            _row_result(row_id, [results[pk] for pk in pushes.get(row_id) or [row_id]], outcome)
            for row_id in ids
        ]

    def _pushes_of_orders(self, action: str, ids: Sequence[int]) -> dict[int, list[int]]:
        """The pushes that the action is for, by the id of the order's row: of those that the filters keep."""
        rows = {(job.store_id, job.subject): job.pk for job in PushJob.objects.filter(pk__in=ids)}
        kept = PushJob.objects.filter(
            self._chosen,
            kind__in=list(Kind),
            store__in={store_id for store_id, _ in rows},
            subject__in={subject for _, subject in rows},
            state__in=TAKEN_BY[action],
        )
        found: dict[int, list[int]] = defaultdict(list)
        for job in kept.order_by("step", "pk"):
            if (job.store_id, job.subject) in rows:
                found[rows[job.store_id, job.subject]].append(job.pk)
        return found

    def extras(self, objects: list[PushJob]) -> Mapping[int, JobExtra]:
        return jobs_described(objects, user_of(self.request), stopped_first=self._is_by_order)

    def extra_context(self) -> dict[str, object]:
        context: dict[str, object] = {"causes": self._causes()}
        if not self._is_part():
            context["board"] = push_board(user_of(self.request))
        return context

    def _causes(self) -> list[ShownCause]:
        """Why pushes stopped, above *parados*; a search looks for one order and not for causes."""
        if self.current_tab.key != BLOCKED_TAB or self.search_text:
            return []
        chosen = self.request.GET.get(CAUSE.name, "")
        own = PushJob.objects.visible_to(user_of(self.request)).filter(kind__in=list(Kind))
        causes = blocked_causes(own.filter(self._condition(STORE), self._condition(KIND)))
        found = [self._cause_shown(job, chosen) for job in causes]
        return [each for each in found if each.is_chosen] or found

    def _cause_shown(self, job: PushJob, chosen: str) -> ShownCause:
        key = cause_key(job)
        query = self._query(tab=BLOCKED_TAB, cause=key).rstrip("&")
        alike = Count(job.alike)  # type: ignore[attr-defined]
        return ShownCause(job, cause_label(key), alike, mend_of(job), query, is_chosen=key == chosen)

    def row_label(self, obj: PushJob) -> str:
        return obj.subject if self._is_by_order else f"{obj.subject} · {Kind(obj.kind).label}"

    def row_url(self, obj: PushJob) -> str:
        return reverse("kwai:job", args=[obj.pk])


def _row_result(row_id: int, results: Sequence[JobResult], outcome: RowOutcome) -> RowResult:
    """What became of the pushes of one row, which may be an order with several."""
    accepted = [each for each in results if each.accepted]
    if not accepted:
        return row_refused(row_id, results[0].refusal)
    text = accepted[0].text
    return RowResult(row_id, outcome, f"{len(accepted)} envios. {text}" if len(accepted) > 1 else text)


def jobs_described(
    jobs: Sequence[PushJob], user: User, *, stopped_first: bool = False
) -> dict[int, JobExtra]:
    """What pages show beside each of these jobs. With `stopped_first` a blocked one gives way to an earlier
    blocked step of its order. One query, and another where some wait for the first of their kind."""
    held = held_texts(jobs, user)
    pushes = pushes_about(subjects={(job.store_id, job.subject) for job in jobs}, kinds=list(Kind))
    found: dict[int, JobExtra] = {}
    for job in jobs:
        about = pushes[(job.store_id, job.subject)]
        blocked = [each for each in about if each.state == JobState.BLOCKED and each.step < job.step]
        shown = min(blocked, key=lambda each: each.step) if stopped_first and blocked else job
        found[job.pk] = _described(job, shown, marks_of(about), pause_text(job.store) or held.get(job.pk, ""))
    return found


def _described(row: PushJob, job: PushJob, marks: Mapping[str, Mark], waits: str) -> JobExtra:
    mark = marks.get(job.kind)
    held_back_by = mark.held_back_by if mark and mark.job_id == job.pk else ""
    return JobExtra(
        job=job,
        kind_label=Kind(job.kind).label,
        state=JobState(job.state),
        next_step=_next_step(job, held_back_by, waits if job == row else ""),
        mend=mend_of(job),
        markers=push_badges(marks),
    )


def _next_step(job: PushJob, held_back_by: str, held: str) -> str:
    if held_back_by:
        waits_for = HELD_BACK[Kind(held_back_by)]
        return f"{waits_for[0].upper()}{waits_for[1:]}. Resolva aquele envio; este segue sozinho."
    if job.failure_mode == FailureMode.REJECTED and AGAIN in job.last_error:
        return ""  # the refusal itself says what to do
    if job.failure_mode:
        return FailureMode(job.failure_mode).next_step
    if held and job.state == JobState.PENDING:
        return held
    return WaitReason(job.waiting_for).label if job.state == JobState.PENDING and job.waiting_for else ""
