"""What Kwai has made of each note: sent, accepted and refused are three different things.

Sent is ours to know: the push is done. Accepted and refused come with the order's details and speak of the
note Kwai holds, which is the one sent last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import CharField, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat, Right
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from erp.channels import Badge, InvoiceStage, InvoiceState
from erp.outbox.models import PushJob
from erp.outbox.push_requests import Topic
from erp.outbox.statuses import WAITING_STATES, FailureMode, JobState
from erp.sales.models import Order
from erp.sales.services import EventDraft, order_events_append
from erp.search.lookups import IsAmong
from invoices.models import ISSUED, Invoice, InvoiceStatus
from kwai_integration.models import CHANNEL_KEY, KwaiOrder
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.push_requests import invoice_request, own_invoices
from kwai_integration.outbound.withdrawing import jobs_withdraw
from kwai_integration.wire.codes import VERDICTS, KwaiInvoiceStatus

OPEN = (JobState.PENDING, JobState.CLAIMED)
LIVE = (*OPEN, JobState.BLOCKED, JobState.DONE)
LABEL = "Kwai"
ACCESS_KEY_LENGTH = 44
WITHDRAWN = "A NF-e foi cancelada na SEFAZ: nada é enviado."
AT_KWAI = "O Kwai já tem a NF-e que foi cancelada. Emita outra nota, vincule-a ao pedido e envie-a."
CANCELLED_BADGE = Badge("cancelada, mas no Kwai", "red", "alert-triangle", AT_KWAI)


def invoice_states(ids: Sequence[int]) -> dict[int, InvoiceState]:
    """Two queries whatever the number of notes."""
    answer = "order__kwai_order__"
    rows: list[Any] = list(
        Invoice.objects.filter(pk__in=ids, store__channel=CHANNEL_KEY)
        .exclude(order__external_id="")
        .select_related("order")
        .annotate(verdict=F(f"{answer}invoice_status"), reason=F(f"{answer}invoice_refusal_reason"))
    )
    invoices = [row for row in rows if row.order is not None]
    jobs = _jobs_by_topic(invoices)
    return {row.pk: _state(row, jobs, (row.verdict or "", row.reason or "")) for row in invoices}


def refused_orders(order_ids: Sequence[int]) -> set[int]:
    """Orders whose note Kwai has refused after receiving it."""
    rows = KwaiOrder.objects.filter(order_id__in=order_ids, invoice_status=KwaiInvoiceStatus.REFUSED)
    return {order_id for order_id in rows.values_list("order_id", flat=True) if order_id is not None}


def invoices_in(stage: InvoiceStage) -> Q:
    """The same stages as a condition on `Invoice`, for the list's filter. What is rare is found from the rare
    side (pushes that wait, notes that wait), for notes are many."""
    own = Q(store__channel=CHANNEL_KEY, order__isnull=False)
    if stage is InvoiceStage.NOT_SENT:
        return own & Q(status__in=ISSUED, sent_at__isnull=True) & ~_has_job(LIVE)
    if stage is InvoiceStage.QUEUED:
        return own & _has_job(OPEN) & _is_of_job(OPEN)
    if stage is InvoiceStage.FAILED:
        return own & _has_job((JobState.BLOCKED,)) & _is_of_job((JobState.BLOCKED,))
    sent = own & _has_job((JobState.DONE,))
    if stage is InvoiceStage.SENT:
        unjudged = ~Q(order__kwai_order__invoice_status__in=VERDICTS)
        return sent & Q(sent_at__isnull=False, judged_at__isnull=True) & unjudged
    if stage is InvoiceStage.REFUSED:
        refused = KwaiOrder.objects.filter(invoice_status=KwaiInvoiceStatus.REFUSED)
        return sent & Q(IsAmong(F("order_id"), Subquery(refused.order_by().values("order"))))
    # Of so many no push is looked up.
    accepted = Q(order__kwai_order__invoice_status=KwaiInvoiceStatus.ACCEPTED)
    return own & Q(sent_at__isnull=False) & accepted


def invoices_withdraw(ids: Sequence[int]) -> None:
    """Nothing of cancelled notes leaves any more; where Kwai has one already, its order says what to do."""
    invoices = [
        invoice for invoice in own_invoices(ids) if invoice.order is not None and invoice.order.external_id
    ]
    jobs = [(invoice, job) for invoice, job in _own_jobs(invoices) if job.state in LIVE]
    jobs_withdraw([job for _, job in jobs if job.state in WAITING_STATES], reason=WITHDRAWN)
    drafts = [
        held_cancelled_event(invoice, invoice.order_id)
        for invoice, job in jobs
        if invoice.order_id is not None and job.state == JobState.DONE
    ]
    order_events_append(drafts=drafts)


def verdict_events(rows: Iterable[KwaiOrder]) -> list[EventDraft]:
    """What the history of these orders says of Kwai's verdict on their notes."""
    drafts = []
    for row in rows:
        if row.order_id is not None and row.invoice_status == KwaiInvoiceStatus.ACCEPTED:
            drafts.append(EventDraft(row.order_id, "kwai.invoice_accepted", "Kwai aceitou a NF-e"))
        if row.order_id is not None and row.invoice_status == KwaiInvoiceStatus.REFUSED:
            text = f"Kwai recusou a NF-e: {row.invoice_refusal_reason or 'sem dizer o motivo'}"
            drafts.append(EventDraft(row.order_id, "kwai.invoice_refused", text))
    return drafts


def held_cancelled_event(invoice: Invoice, order_id: int) -> EventDraft:
    return EventDraft(
        order_id, "kwai.invoice_cancelled", f"{AT_KWAI} ({invoice})", invoice.get_absolute_url()
    )


def holds_cancelled(order: str = "") -> Exists:
    """In a query over orders, or over rows with a `store` of which `order` leads there: Kwai holds a note
    that was cancelled since. What it holds is the note whose key it received last."""
    store, subject = OuterRef(OuterRef("store_id")), OuterRef(OuterRef(f"{order}external_id"))
    done = PushJob.objects.facts().filter(
        kind=Kind.SEND_INVOICE, state=JobState.DONE, store_id=store, subject=subject
    )
    key = done.order_by("-finished_at", "-pk").values(key=Right("idempotency_key", ACCESS_KEY_LENGTH))[:1]
    cancelled = Invoice.objects.filter(order=OuterRef(f"{order}pk"), status=InvoiceStatus.CANCELLED)
    return Exists(cancelled.filter(access_key=Subquery(key)))


def _own_jobs(invoices: Sequence[Invoice]) -> list[tuple[Invoice, PushJob]]:
    """Each linked note with the push of its own key."""
    found = _jobs_by_topic(invoices)
    requests = [
        (invoice, invoice_request(invoice, invoice.order))
        for invoice in invoices
        if invoice.order is not None
    ]
    return [
        (invoice, job)
        for invoice, request in requests
        for job in found.get(request.topic, ())
        if job.idempotency_key == request.key
    ]


def _last_done(jobs: Sequence[PushJob]) -> PushJob | None:
    return next((job for job in reversed(jobs) if job.state == JobState.DONE), None)


def _has_job(states: Sequence[JobState]) -> Q:
    store = Cast(OuterRef("store_id"), CharField())
    order, invoice = OuterRef("order__external_id"), OuterRef("access_key")
    key = Concat(store, Value(f":{Kind.SEND_INVOICE}:"), order, Value(":"), invoice, output_field=CharField())
    return Q(Exists(PushJob.objects.filter(idempotency_key=key, state__in=states)))


def _is_of_job(states: Sequence[JobState]) -> Q:
    """The keys of notes that such a push is about."""
    jobs = PushJob.objects.facts().filter(kind=Kind.SEND_INVOICE, state__in=states)
    keys = jobs.order_by().values(key=Right("idempotency_key", ACCESS_KEY_LENGTH))
    return Q(IsAmong(F("access_key"), Subquery(keys)))


def _jobs_by_topic(invoices: Sequence[Invoice]) -> dict[Topic, list[PushJob]]:
    topics: dict[Topic, list[PushJob]] = defaultdict(list)
    rows = PushJob.objects.facts().filter(
        kind=Kind.SEND_INVOICE,
        store_id__in={invoice.store_id for invoice in invoices},
        subject__in={invoice.order.external_id for invoice in invoices if invoice.order is not None},
    )
    for job in rows.order_by("finished_at", "pk"):
        topics[job.topic].append(job)
    return topics


def invoices_unseen(invoices: Mapping[int, tuple[Invoice, Order]]) -> set[int]:
    """Those of these notes, by id with their order, that came after another one Kwai received: what it says
    of the order's note is about that one. One query."""
    requests = {pk: invoice_request(invoice, order) for pk, (invoice, order) in invoices.items()}
    done = PushJob.objects.facts().filter(
        kind=Kind.SEND_INVOICE,
        state=JobState.DONE,
        store_id__in={request.store_id for request in requests.values()},
        subject__in={request.subject for request in requests.values()},
    )
    last = {job.topic: job.idempotency_key for job in done.order_by("finished_at", "pk")} if requests else {}
    return {pk for pk, request in requests.items() if last.get(request.topic, request.key) != request.key}


def _state(
    invoice: Invoice, jobs: Mapping[Topic, Sequence[PushJob]], answer: tuple[str, str]
) -> InvoiceState:
    if invoice.order is None:
        raise ValueError("only a linked note has a state at Kwai")
    request = invoice_request(invoice, invoice.order)
    rivals = jobs.get(request.topic, ())
    job = next((job for job in rivals if job.idempotency_key == request.key), None)
    if job is None or job.state not in LIVE:
        return InvoiceState(InvoiceStage.NOT_SENT, channel=LABEL)
    if job.state == JobState.DONE and invoice.status == InvoiceStatus.CANCELLED and _last_done(rivals) == job:
        return InvoiceState(InvoiceStage.SENT, [CANCELLED_BADGE], AT_KWAI, channel=LABEL)
    if job.state == JobState.DONE:
        return _sent_state(job, [rival for rival in rivals if rival.state == JobState.DONE], answer)
    link = reverse("kwai:job", args=[job.pk])
    if job.state in OPEN:
        badge = Badge("aguardando envio", "blue", "clock", job.last_error or "Na fila de envio", link)
        return InvoiceState(InvoiceStage.QUEUED, [badge], job.last_error, channel=LABEL)
    refused = job.failure_mode == FailureMode.REJECTED
    label = "recusada no envio" if refused else "envio parado"
    badge = Badge(label, "red", "alert-circle", job.last_error, link)
    return InvoiceState(InvoiceStage.FAILED, [badge], job.last_error, refused, LABEL)


def _sent_state(job: PushJob, done: Sequence[PushJob], answer: tuple[str, str]) -> InvoiceState:
    link = reverse("kwai:job", args=[job.pk])
    if done[-1] != job:
        replaced = Badge("substituída", "secondary", "refresh", "O Kwai recebeu outra nota depois", link)
        return InvoiceState(InvoiceStage.NOT_SENT, [replaced], channel=LABEL)
    status, reason = answer
    at = timezone.localtime(job.finished_at) if job.finished_at else None
    when = f"O Kwai recebeu a nota em {date_format(at, 'd/m/Y H:i')}" if at else "O Kwai recebeu a nota"
    sent = Badge("enviada", "purple", "send", when, link)
    if status == KwaiInvoiceStatus.ACCEPTED:
        accepted = Badge("aceita", "green", "check", "O Kwai aceitou a nota")
        return InvoiceState(InvoiceStage.ACCEPTED, [sent, accepted], channel=LABEL)
    if status == KwaiInvoiceStatus.REFUSED:
        words = reason or "O Kwai não disse o motivo"
        refused = Badge("recusada", "red", "alert-circle", words)
        return InvoiceState(InvoiceStage.REFUSED, [sent, refused], words, True, LABEL)
    return InvoiceState(InvoiceStage.SENT, [sent], channel=LABEL)
