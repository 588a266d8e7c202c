"""The page of one push: every attempt with its exchange, what is known at Kwai, who asked, what to do now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptOutcome, Origin
from erp.sales.models import Order
from erp.web.requests import user_of
from invoices.models import ISSUED, Invoice
from kwai_integration.outbound.verdicts import push_verdict
from kwai_integration.views.first_push import first_push_shown
from kwai_integration.views.jobs import jobs_described, jobs_visible

# A wait is looked at for days: so many attempts stand on the page at first, and never more than the others.
FIRST_SHOWN, MOST_SHOWN = 50, 1000


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    attempt: PushAttempt
    outcome: AttemptOutcome | None
    exchange: str


@require_safe
def job_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """`?tentativas=todas` shows those before the newest too."""
    job = get_object_or_404(jobs_visible(request), pk=pk)
    is_whole = request.GET.get("tentativas") == "todas"
    attempts = _attempts(job, MOST_SHOWN if is_whole else FIRST_SHOWN)
    order = Order.objects.filter(store_id=job.store_id, external_id=job.subject).first()
    context = {
        "job": job,
        "shown": jobs_described([job], user_of(request))[job.pk],
        "attempts": attempts,
        "has_more": not is_whole and len(attempts) == FIRST_SHOWN,
        "order": order,
        "first": first_push_shown(job, user_of(request)),
        "invoice": _invoice(job, order),
        "verdict": push_verdict(job),
        "origin": Origin(job.origin).label.lower(),
    }
    return render(request, "kwai/job.html", context)


def _attempts(job: PushJob, most: int) -> Sequence[ShownAttempt]:
    return [
        ShownAttempt(
            attempt,
            AttemptOutcome(attempt.outcome) if attempt.outcome in AttemptOutcome.values else None,
            json.dumps(attempt.exchange, ensure_ascii=False, indent=2) if attempt.exchange else "",
        )
        for attempt in job.attempt_rows.order_by("-pk")[:most]
    ]


def _invoice(job: PushJob, order: Order | None) -> Invoice | None:
    """The note that this push brings, or that its order waits for."""
    if order is None:
        return None
    own = Invoice.objects.filter(order=order)
    sent = job.payload.get("invoice_id")
    return own.filter(pk=sent).first() if sent else own.filter(status__in=ISSUED).order_by("pk").last()
