"""Receiving stored answers once more, because what their codes mean here has changed."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from erp.outbox.commands import jobs_wake
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState, WaitReason
from erp.scheduling import wake_after_commit
from kwai_integration.models import KwaiOrder, KwaiOrderState


def orders_reprocess(
    *, store_id: int, situations: Collection[str], shippings: Collection[str], payments: Collection[str]
) -> int:
    """Mark the orders that carry one of these codes; how many have been received. Call it in the transaction
    that changes the mapping: the mark is a row, so that a worker finds it whatever happens after."""
    carries = Q(store_id=store_id) & (
        Q(remote_status__in=situations)
        | Q(shipping_type__in=shippings)
        | Q(remote_carrier_code__in=shippings)
        | Q(payment_code__in=payments)
    )
    _mark(carries)
    _pushes_wake(store_id, situations)
    # Once more when the mapping is there: an order that was being received under the old one, and staged
    # after the first look, is seen by the second.
    transaction.on_commit(lambda: _mark(carries), robust=True)
    known = KwaiOrder.objects.filter(carries, order__isnull=False)
    count = known.exclude(state=KwaiOrderState.QUARANTINED).count()
    if count:
        wake_after_commit("kwai_integration.tasks.receive", store_id=store_id)
    return count


def _pushes_wake(store_id: int, situations: Collection[str]) -> None:
    """Pushes that wait for somebody to say what these situations mean look again at once."""
    waiting = PushJob.objects.filter(
        store_id=store_id, state=JobState.PENDING, waiting_for=WaitReason.CHECK
    ).values("subject")
    rows = KwaiOrder.objects.filter(store_id=store_id, remote_status__in=situations, external_id__in=waiting)
    if subjects := list(rows.values_list("external_id", flat=True)):
        jobs_wake(store_id=store_id, subjects=subjects)


@transaction.atomic
def _mark(carries: Q) -> None:
    """Whatever their state: one that is being received right now is waited for, and marked after."""
    rows = KwaiOrder.objects.filter(carries).order_by("pk")
    # Locked in the order in which receive locks them, or the two would wait for each other.
    locked = rows.select_for_update(of=("self",)).values_list("pk", flat=True)
    KwaiOrder.objects.filter(pk__in=list(locked)).update(received_digest="")
