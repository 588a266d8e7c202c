"""What is known of a push at Kwai, and since when: sent, taken and seen there are three different things."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from erp.outbox.models import PushJob
from erp.outbox.statuses import AttemptAction, AttemptOutcome, JobState
from kwai_integration.models import FORMER_FIELDS, KwaiOrder
from kwai_integration.outbound.healing import shows
from kwai_integration.outbound.kinds import Kind
from kwai_integration.situations import store_roles
from kwai_integration.wire.codes import INVOICE_STATUS_LABELS

# Of a push that is not done, by how its last attempt ended.
SAID: dict[str, str] = {
    AttemptOutcome.NOT_YET_THERE: "Conferido no Kwai {at}: ainda não consta.",
    AttemptOutcome.REFUSED: "Recusado {at}: esta tentativa não gravou nada no Kwai.",
    AttemptOutcome.UNKNOWN: "Sem resposta {at}: não se sabe. O ERP confere antes de repetir.",
    AttemptOutcome.LOST: "Interrompido {at}: não se sabe. O ERP confere antes de repetir.",
}


def push_verdict(job: PushJob) -> str:
    """One sentence, empty while nothing is known; at most four queries."""
    last = job.attempt_rows.order_by("-pk").first()
    if job.state != JobState.DONE or job.finished_at is None:
        return SAID[last.outcome].format(at=at_text(last.started_at)) if last and last.outcome in SAID else ""
    if seen := _seen(job, job.finished_at):
        return seen
    if last is not None and last.action == AttemptAction.VERIFY:
        return f"Conferido no Kwai {at_text(job.finished_at)}: consta lá."
    return f"O Kwai respondeu {at_text(job.finished_at)} que recebeu; a próxima leitura do pedido confere."


def at_text(at: datetime) -> str:
    """`às 14:03`, of another day `em 23/11 às 14:03`."""
    local = timezone.localtime(at)
    is_today = local.date() == timezone.localdate()
    return f"às {local:%H:%M}" if is_today else f"em {local:%d/%m} às {local:%H:%M}"


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
