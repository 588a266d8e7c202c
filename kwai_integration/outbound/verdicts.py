"""What is known of a push at Kwai, and since when: sent, taken and seen there are three different things."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptAction, AttemptOutcome, JobState
from kwai_integration.models import FORMER_FIELDS, KwaiOrder
from kwai_integration.outbound.healing import shows
from kwai_integration.outbound.kinds import Kind
from kwai_integration.situations import store_roles
from kwai_integration.wire.codes import INVOICE_STATUS_LABELS


def push_verdict(job: PushJob) -> str:
    """One sentence, empty while nothing is known; at most four queries."""
    looked = _looked(job)
    if job.state != JobState.DONE:
        is_absent = looked is not None and looked.outcome == AttemptOutcome.NOT_YET_THERE
        return (
            f"Conferido no Kwai {at_text(looked.started_at)}: ainda não consta."
            if is_absent and looked
            else ""
        )
    if job.finished_at is None:
        return ""
    if seen := _seen(job, job.finished_at):
        return seen
    if looked is not None and looked.outcome == AttemptOutcome.DONE:
        return f"Conferido no Kwai {at_text(job.finished_at)}: consta lá."
    return f"O Kwai respondeu {at_text(job.finished_at)} que recebeu; a próxima leitura do pedido confere."


def at_text(at: datetime) -> str:
    """`às 14:03`, of another day `em 23/11 às 14:03`."""
    local = timezone.localtime(at)
    is_today = local.date() == timezone.localdate()
    return f"às {local:%H:%M}" if is_today else f"em {local:%d/%m} às {local:%H:%M}"


def _looked(job: PushJob) -> PushAttempt | None:
    """The last reading back, where nothing was sent after it."""
    last = job.attempt_rows.order_by("-pk").first()
    return last if last is not None and last.action == AttemptAction.VERIFY else None


def _seen(job: PushJob, since: datetime) -> str:
    """What Kwai's answer about the order says of this push, where it was asked for since."""
    answers = KwaiOrder.objects.filter(store_id=job.store_id, external_id=job.subject)
    answer = answers.filter(fetch_started_at__gte=since).defer(*FORMER_FIELDS).first()
    if answer is None:
        return ""
    when = f"Conferido no Kwai {at_text(answer.fetch_started_at)}"
    if job.kind == Kind.SEND_INVOICE:
        label = INVOICE_STATUS_LABELS.get(answer.invoice_status, "")
        return f"{when}: NF-e {label.lower()}." if label and _is_last(job) else ""
    role = store_roles(job.store_id).get(answer.remote_status)
    return f"{when}: consta lá." if shows(job, answer, role, ()) else ""


def _is_last(job: PushJob) -> bool:
    """What Kwai says of a note is about the one it received last."""
    done = PushJob.objects.filter(
        store_id=job.store_id, kind=job.kind, subject=job.subject, state=JobState.DONE
    )
    return not done.filter(finished_at__gt=job.finished_at).exists()
