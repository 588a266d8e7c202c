"""What a push was asked to bring, held against the rows as they are now: nothing else leaves.

Rows change between the request and the worker. What was asked for is the push's own key
(`FactRequest.content`); a push whose outcome is unknown is read back by that key, whatever the rows say by
then.
"""

from __future__ import annotations

from erp.outbox.errors import PushRefused
from erp.outbox.handlers import Obsolete
from erp.outbox.models import PushJob
from erp.outbox.push_requests import FactRequest
from erp.refusals import Refusal
from expedition.models import Shipment, ShipmentQuerySet, ShipmentStatus

CANCELLED = "A expedição foi cancelada: nada é enviado."


def asked_shipment(job: PushJob, rows: ShipmentQuerySet | None = None) -> Shipment:
    """The order's shipment in force; without one the shipment that `job` was asked for. From `rows`, which
    may join less than what everything of a shipment needs."""
    rows = Shipment.objects.for_screens() if rows is None else rows
    order_id = job.payload.get("order_id")
    return rows.active().filter(order=order_id).first() or rows.get(pk=job.payload["shipment_id"])


def withdrawn(job: PushJob, shipment: Shipment) -> Obsolete | None:
    """A cancelled shipment sends nothing. What may have arrived already is read back first."""
    if shipment.status != ShipmentStatus.CANCELLED or job.needs_verification:
        return None
    return Obsolete(CANCELLED)


def content_check(job: PushJob, request: FactRequest, refusal: Refusal) -> None:
    """Raises `PushRefused` with `refusal` when the rows would send another content than `job` was
    asked for."""
    if request.key != job.idempotency_key:
        raise PushRefused(refusal)


def asked_code(job: PushJob) -> tuple[str, str]:
    """Carrier and tracking number that `job` was asked to send."""
    content = (job.idempotency_key or "").removeprefix(f"{job.store_id}:{job.kind}:{job.subject}:")
    carrier, _, number = content.partition(":")
    return carrier, number


def is_asked_number(job: PushJob, number: str) -> bool:
    return bool(number) and (job.idempotency_key or "").endswith(f":{number}")
