"""Stopped pushes go on by themselves once Kwai's answer shows that they are done, or that what stopped them
is over (contract 3.2: done is judged by content)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from erp.outbox.commands import jobs_retry
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from kwai_integration.client.writes import Permit, Write, is_arrived_by_content, may
from kwai_integration.models import KwaiOrder
from kwai_integration.outbound.kinds import Kind
from kwai_integration.situations import store_roles
from kwai_integration.wire.codes import KwaiInvoiceStatus, KwaiRole

AFTER_INVOICE = (Kind.ARRANGE_SHIPMENT, Kind.SEND_TRACKING)


def pushes_heal(rows: Sequence[KwaiOrder], *, accepted: Collection[str]) -> None:
    """Take up the stopped pushes of these orders of one store that Kwai's last answer shows as done: each is
    read back and settled, not sent again. Where a note has just been `accepted` (numbers at Kwai), what it
    stopped goes on too. A constant number of statements, one where nothing is stopped.
    """
    answers = {row.external_id: row for row in rows if row.order_id is not None}
    if not answers:
        return
    store_id = rows[0].store_id
    own = PushJob.objects.facts().filter(store_id=store_id, subject__in=answers)
    blocked = list(own.filter(kind__in=list(Kind), state=JobState.BLOCKED).order_by("pk"))
    if not blocked:
        return
    roles = store_roles(store_id)
    confirmed = set(own.filter(kind=Kind.SEND_INVOICE, state=JobState.DONE).values_list("subject", flat=True))
    due = [
        job.pk
        for job in blocked
        if (job.kind in AFTER_INVOICE and job.subject in accepted)
        or shows(job, answers[job.subject], roles.get(answers[job.subject].remote_status), confirmed)
    ]
    if due:
        jobs_retry(job_ids=due, verify=True)


def shows(job: PushJob, answer: KwaiOrder, role: KwaiRole | None, confirmed: Collection[str]) -> bool:
    """Does the answer say that Kwai holds what this push brings?"""
    match Kind(job.kind):
        case Kind.SEND_INVOICE:
            # Kwai says that it holds a note, not which one: with another confirmed before it may be that.
            return answer.invoice_status == KwaiInvoiceStatus.ACCEPTED and job.subject not in confirmed
        case Kind.ARRANGE_SHIPMENT:
            return may(Write.ARRANGE_SHIPMENT, role, hold=False, refund=False) is Permit.DONE
        case Kind.SEND_TRACKING:
            number = answer.remote_tracking_code
            is_ours = bool(number) and (job.idempotency_key or "").endswith(f":{number}")
            return is_arrived_by_content(role, same_number=is_ours)
        case Kind.CONFIRM_DELIVERY:
            return may(Write.CONFIRM_DELIVERY, role, hold=False, refund=False) is Permit.DONE
