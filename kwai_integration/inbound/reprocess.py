"""Receiving stored answers once more, because what their codes mean here has changed."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from erp.scheduling import ring
from kwai_integration import tasks
from kwai_integration.models import KwaiOrder, KwaiOrderState


def orders_reprocess(
    *, store_id: int, situations: Collection[str], shippings: Collection[str], payments: Collection[str]
) -> int:
    """Mark the received orders that carry one of these codes; how many. Call it in the transaction that
    changes the mapping: the mark is a row, so that a worker finds it whatever happens after."""
    carries = (
        Q(remote_status__in=situations)
        | Q(shipping_type__in=shippings)
        | Q(remote_carrier_code__in=shippings)
        | Q(payment_code__in=payments)
    )
    rows = KwaiOrder.objects.filter(carries, store_id=store_id, state=KwaiOrderState.RECEIVED)
    count = rows.update(received_digest="")
    if count:
        ring(tasks.receive, store_id=store_id)
    return count
