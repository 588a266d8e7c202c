"""Pausing and resuming: the queue of a store, all stores of a channel, one call that was not granted."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models.functions import Now

from erp.outbox.commands import jobs_retry
from erp.outbox.limits import ANY_CALL
from erp.outbox.models import ChannelPause, PushJob, RateLimit, StoreQueue
from erp.outbox.statuses import FailureMode, JobState, PauseMode, WaitReason
from erp.outbox.waking import wake_stores

BATCH = 500


def queue_pause(*, store_id: int, mode: PauseMode, reason: str) -> bool:
    """Stop the pushes of a store; True for the call that stopped them, so that one notice is given.
    Waiting jobs stay; none is lost."""
    queues_ensure({store_id})
    paused = StoreQueue.objects.filter(store_id=store_id, paused_mode="").update(
        paused_mode=mode, paused_reason=reason[:500], paused_at=Now()
    )
    return paused == 1


@transaction.atomic
def queue_resume(*, store_id: int) -> int:
    """Let a store push again and return how many blocked pushes went back to the queue: those that were
    stopped for the configuration or the authorisation that is now in order."""
    StoreQueue.objects.filter(store_id=store_id).update(paused_mode="", paused_reason="", paused_at=None)
    blocked = PushJob.objects.filter(
        store_id=store_id,
        state=JobState.BLOCKED,
        failure_mode__in=[FailureMode.CONFIG, FailureMode.CREDENTIAL],
    )
    ids = list(blocked.order_by("pk").values_list("pk", flat=True))
    results = [
        result
        for start in range(0, len(ids), BATCH)
        for result in jobs_retry(job_ids=ids[start : start + BATCH])
    ]
    PushJob.objects.filter(store_id=store_id, state=JobState.PENDING, waiting_for=WaitReason.QUEUE).update(
        not_before=Now(), waiting_for=WaitReason.NOTHING
    )
    wake_stores({store_id})
    return sum(result.accepted for result in results)


def channel_pause(*, channel: str, reason: str) -> bool:
    """Stop the pushes of every store of `channel` until a probe succeeds; True for the call that stopped
    them. A later reason replaces the one that is shown."""
    row, is_new = ChannelPause.objects.get_or_create(channel=channel, defaults={"reason": reason[:500]})
    if is_new:
        # The refusal that stopped them was the first answer: the next is asked for after a lease.
        channel_probe_take(channel=channel)
    if row.reason != reason[:500]:
        ChannelPause.objects.filter(channel=channel).update(reason=reason[:500])
    return is_new


def channel_probe_due(*, channel: str) -> bool:
    """Is the channel paused, and may somebody ask the platform now?"""
    return ChannelPause.objects.free().filter(channel=channel).exists()


def channel_probe_take(*, channel: str) -> bool:
    """Take the turn to ask the platform whether it accepts us again: one caller a minute gets it, over all
    workers, and one that dies with it leaves it to the next minute."""
    return ChannelPause.objects.filter(channel=channel).claim() is not None


def channel_resume(*, channel: str) -> bool:
    """A probe succeeded: every store of the channel pushes again; True for the call that resumed them."""
    resumed = ChannelPause.objects.filter(channel=channel).delete()[0] == 1
    if resumed:
        waiting = StoreQueue.objects.with_due_work().filter(store__channel=channel)
        wake_stores(waiting.values_list("store_id", flat=True))
    return resumed


@transaction.atomic
def calls_restore(*, store_id: int) -> None:
    """The merchant consented anew: what the platform had not granted is tried again at once."""
    buckets = RateLimit.objects.filter(scope=f"store:{store_id}", resume_reason=WaitReason.GRANT)
    buckets.update(resume_at=None, resume_reason="")
    PushJob.objects.filter(store_id=store_id, state=JobState.PENDING, waiting_for=WaitReason.GRANT).update(
        not_before=Now(), waiting_for=WaitReason.NOTHING
    )
    wake_stores({store_id})


@transaction.atomic
def queue_go_on(*, store_id: int) -> None:
    """What the pushes of a store waited for as a queue (`QueueWait`) is there: they go on at once."""
    bucket = RateLimit.objects.filter(scope=f"store:{store_id}", call=ANY_CALL)
    if bucket.filter(resume_at__isnull=False).update(resume_at=None, resume_reason=""):
        wake_stores({store_id})


def queues_ensure(store_ids: Iterable[int]) -> None:
    """A queue for each of these stores."""
    queues = [StoreQueue(store_id=store_id) for store_id in sorted(store_ids)]
    StoreQueue.objects.bulk_create(queues, ignore_conflicts=True)
