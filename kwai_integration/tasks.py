"""Doorbells of the inbound side. A lost message costs one period of `plan`: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from erp import scheduling
from kwai_integration.inbound import plan as planning


@shared_task(name="kwai_integration.tasks.plan", ignore_result=True)
def plan() -> None:
    """Ring for the stores whose poll is due, and for those with stored orders to receive."""
    for store_id in planning.stores_to_poll():
        scheduling.ring(poll, store_id=store_id)
    for store_id in planning.stores_to_receive():
        scheduling.ring(receive, store_id=store_id)


@shared_task(name="kwai_integration.tasks.poll", ignore_result=True)
def poll(store_id: int) -> None:
    """Read what the platform changed; rings again while it is still catching up."""
    from kwai_integration.inbound.poll import store_poll

    result = store_poll(store_id)
    if result is not None and result.more:
        scheduling.ring(poll, store_id=store_id)


@shared_task(name="kwai_integration.tasks.receive", ignore_result=True)
def receive(store_id: int) -> None:
    """Receive one slice of the store's stored orders; rings again while there are more."""
    if planning.store_receive(store_id):
        scheduling.ring(receive, store_id=store_id)
