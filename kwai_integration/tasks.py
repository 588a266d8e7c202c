"""Tasks of the inbound side and of token care. A lost wake-up costs one period of `plan`: the rows are the
truth."""

from __future__ import annotations

from celery import shared_task

from erp.scheduling import wake_after_commit
from kwai_integration import app_probe as application
from kwai_integration import connection
from kwai_integration.inbound import events as push_messages
from kwai_integration.inbound import judging, moving, reprocess, retention
from kwai_integration.inbound import plan as planning
from kwai_integration.inbound.poll import store_poll
from kwai_integration.setup.consent import requests_forget

# After a long downtime every pair is due: so many are renewed at a time.
REFRESHES_A_TICK = 5


@shared_task(name="kwai_integration.tasks.plan", ignore_result=True)
def plan() -> None:
    """Wake workers for the stores with push messages to fetch for, a poll that is due or stored orders to
    receive, for token pairs to renew, for the probe that ends a pause of everything and for walks over stored
    orders to go on with."""
    push_messages.events_reap()
    for store_id in push_messages.stores_with_events():
        wake_after_commit("kwai_integration.tasks.events", store_id=store_id)
    for store_id in planning.stores_to_poll():
        wake_after_commit("kwai_integration.tasks.poll", store_id=store_id)
    for store_id in planning.stores_to_receive():
        wake_after_commit("kwai_integration.tasks.receive", store_id=store_id)
    for store_id in connection.accounts_to_refresh().values_list("pk", flat=True)[:REFRESHES_A_TICK]:
        wake_after_commit("kwai_integration.tasks.refresh_tokens", store_id=store_id)
    if application.probe_is_due():
        wake_after_commit("kwai_integration.tasks.app_probe")
    for store_id in judging.stores_to_judge():
        wake_after_commit("kwai_integration.tasks.judge", store_id=store_id)
    for store_id in reprocess.stores_to_reprocess():
        wake_after_commit("kwai_integration.tasks.reprocess", store_id=store_id)
    if moving.answers_to_move():
        wake_after_commit("kwai_integration.tasks.answers_move")
    connection.queues_heal()
    requests_forget()


@shared_task(name="kwai_integration.tasks.refresh_tokens", ignore_result=True)
def refresh_tokens(store_id: int) -> None:
    """Renew one store's token pair ahead of its end."""
    connection.account_refresh(store_id=store_id)


@shared_task(name="kwai_integration.tasks.app_probe", ignore_result=True)
def app_probe() -> None:
    """Ask Kwai whether it accepts the application again."""
    application.app_probe()


@shared_task(name="kwai_integration.tasks.poll", ignore_result=True)
def poll(store_id: int) -> None:
    """Read what the platform changed; wakes a worker again while it is still catching up."""
    result = store_poll(store_id)
    if result is not None and result.more:
        wake_after_commit("kwai_integration.tasks.poll", store_id=store_id)


@shared_task(name="kwai_integration.tasks.receive", ignore_result=True)
def receive(store_id: int) -> None:
    """Receive one slice of the store's stored orders; wakes a worker again while there are more."""
    if planning.store_receive(store_id):
        wake_after_commit("kwai_integration.tasks.receive", store_id=store_id)


@shared_task(name="kwai_integration.tasks.judge", ignore_result=True)
def judge(store_id: int) -> None:
    """Judge stored answers of one store under the present codes; wakes a worker again while there
    are more."""
    if judging.store_judge(store_id):
        wake_after_commit("kwai_integration.tasks.judge", store_id=store_id)


@shared_task(name="kwai_integration.tasks.reprocess", ignore_result=True)
def store_reprocess(store_id: int) -> None:
    """Mark orders whose codes were mapped anew; wakes a worker again while there are more."""
    if reprocess.store_reprocess(store_id):
        wake_after_commit("kwai_integration.tasks.reprocess", store_id=store_id)


@shared_task(name="kwai_integration.tasks.answers_move", ignore_result=True)
def answers_move() -> None:
    """Move one slice of answers to their own table."""
    moving.answers_move()


@shared_task(name="kwai_integration.tasks.events", ignore_result=True)
def events(store_id: int) -> None:
    """Fetch what push messages named; wakes a worker again while there is more."""
    if push_messages.events_fetch(store_id):
        wake_after_commit("kwai_integration.tasks.events", store_id=store_id)


@shared_task(name="kwai_integration.tasks.expire", ignore_result=True)
def expire() -> None:
    """Drop push messages nobody needs any more, and answers about orders that ended long ago, in batches."""
    while push_messages.events_expire() == push_messages.BATCH:
        pass
    while retention.answers_expire() == retention.BATCH:
        pass
