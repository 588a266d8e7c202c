"""Receiving stored answers once more, because what their codes mean here has changed.

The click leaves one row, with the mapping; a worker walks over the store's orders and marks those that
carry one of the codes, in slices, each a transaction that also moves the walk's own mark. Marked orders are
found and received like any other (`plan`).

The walk begins after the mapping is committed, and waits for orders that are being received. So an order
that was received under the old mapping is marked after, and one that is staged behind the walk is received
under the new one.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from erp import scheduling
from erp.outbox.commands import jobs_wake
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState, WaitReason
from erp.scheduling import wake_after_commit
from kwai_integration.models import KwaiOrder, KwaiOrderState, ReprocessRequest

SLICE = 500
# Orders are counted up to here for a page.
COUNTED = 10_000
# A task lives 120 s; what is left is taken up by the next one.
BUDGET_SECONDS = 20.0


def orders_reprocess(
    *, store_id: int, situations: Collection[str], shippings: Collection[str], payments: Collection[str]
) -> int:
    """Have the orders that carry one of these codes received once more; how many have been received, at most
    `COUNTED`. Call it in the transaction that changes the mapping."""
    if not (situations or shippings or payments):
        return 0
    request = ReprocessRequest(
        store_id=store_id,
        situations=sorted(situations),
        shippings=sorted(shippings),
        payments=sorted(payments),
    )
    known = _carriers(request).filter(order__isnull=False).exclude(state=KwaiOrderState.QUARANTINED)
    request.expected = known.order_by()[:COUNTED].count()
    request.save()
    _pushes_wake(store_id, situations)
    wake_after_commit("kwai_integration.tasks.reprocess", store_id=store_id)
    return request.expected


def reprocess_left(store_id: int) -> int:
    """About how many orders of the store are still to be received once more; at most `COUNTED`."""
    requests = ReprocessRequest.objects.filter(store_id=store_id)
    sums = requests.aggregate(expected=Sum("expected"), marked=Sum("marked"))
    marked = KwaiOrder.objects.filter(store_id=store_id, state=KwaiOrderState.RECEIVED, received_digest="")
    unmarked = max((sums["expected"] or 0) - (sums["marked"] or 0), 0)
    return min(unmarked + marked.order_by()[:COUNTED].count(), COUNTED)


def stores_to_reprocess() -> list[int]:
    """Stores with walks to go on with."""
    requests = ReprocessRequest.objects.order_by("store_id")
    return list(requests.values_list("store_id", flat=True).distinct())


def store_reprocess(store_id: int) -> bool:
    """Mark some slices of the oldest request of a store; True when more are left."""
    started = time.monotonic()
    while time.monotonic() - started < BUDGET_SECONDS and not scheduling.is_stopping():
        if not _slice_mark(store_id):
            return False
    return True


@transaction.atomic
def _slice_mark(store_id: int) -> bool:
    """One slice; False when nothing is left or somebody else is at it."""
    requests = ReprocessRequest.objects.select_for_update(skip_locked=True).filter(store_id=store_id)
    request = requests.order_by("pk").first()
    if request is None:
        return False
    # Whatever their state: one that is being received right now is waited for, and marked after. Locked in
    # the order in which receive locks them, or the two would wait for each other.
    rows = _carriers(request).filter(pk__gt=request.up_to).order_by("pk")
    found = list(rows.select_for_update().values_list("pk", "order_id")[:SLICE])
    if not found:
        request.delete()
        return True
    KwaiOrder.objects.filter(pk__in=[pk for pk, _ in found]).update(received_digest="")
    request.up_to = found[-1][0]
    request.marked += sum(order_id is not None for _, order_id in found)
    request.save(update_fields=["up_to", "marked"])
    wake_after_commit("kwai_integration.tasks.receive", store_id=store_id)
    return True


def _carriers(request: ReprocessRequest) -> QuerySet[KwaiOrder]:
    """Orders of the store that carry one of the codes."""
    return KwaiOrder.objects.filter(
        Q(remote_status__in=request.situations)
        | Q(shipping_type__in=request.shippings)
        | Q(remote_carrier_code__in=request.shippings)
        | Q(payment_code__in=request.payments),
        store_id=request.store_id,
    )


def _pushes_wake(store_id: int, situations: Collection[str]) -> None:
    """Pushes that wait for somebody to say what these situations mean look again at once."""
    waiting = PushJob.objects.filter(
        store_id=store_id, state=JobState.PENDING, waiting_for=WaitReason.CHECK
    ).values("subject")
    rows = KwaiOrder.objects.filter(store_id=store_id, remote_status__in=situations, external_id__in=waiting)
    if subjects := list(rows.values_list("external_id", flat=True)):
        jobs_wake(store_id=store_id, subjects=subjects)
