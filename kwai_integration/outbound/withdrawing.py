"""Taking back pushes whose reason is gone."""

from __future__ import annotations

from collections.abc import Sequence

from erp.outbox.commands import jobs_cancel, jobs_retry
from erp.outbox.models import PushJob
from erp.outbox.statuses import WAITING_STATES
from kwai_integration.outbound.asked import CANCELLED
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.push_requests import own_shipments

SHIPMENT_KINDS = (Kind.ARRANGE_SHIPMENT, Kind.SEND_TRACKING, Kind.CONFIRM_DELIVERY)


def jobs_withdraw(waiting: Sequence[PushJob], *, reason: str) -> None:
    """Give up these waiting or stopped pushes. One whose outcome is unknown goes on until Kwai was read back:
    its handler sends nothing."""
    jobs_cancel(job_ids=[job.pk for job in waiting if not job.needs_verification], reason=reason)
    jobs_retry(job_ids=[job.pk for job in waiting if job.needs_verification])


def shipments_withdraw(ids: Sequence[int]) -> None:
    """Nothing of cancelled shipments leaves any more."""
    topics = {(row.store_id, row.order.external_id) for row in own_shipments(ids)}
    jobs = PushJob.objects.facts().filter(
        kind__in=SHIPMENT_KINDS,
        state__in=WAITING_STATES,
        store__in={store_id for store_id, _ in topics},
        subject__in={subject for _, subject in topics},
    )
    jobs_withdraw([job for job in jobs if (job.store_id, job.subject) in topics], reason=CANCELLED)
