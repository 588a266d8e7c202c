"""Eight workers over one queue: each push once, never two of a subject at a time, steps in order."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from erp.clock import after
from erp.outbox import claim, drain, handlers
from erp.outbox.attempts import AttemptContext
from erp.outbox.handlers import Sent
from erp.outbox.models import PushJob
from erp.outbox.reap import reap
from erp.outbox.request import facts_request, states_request
from erp.outbox.statuses import JobState

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 8
FACTS = ("delivery", "tracking", "invoice", "cancel")


class Watch:
    """Sees every send: who overlaps with whom, and in which order they ended."""

    def __init__(self) -> None:
        # Open from the start but where a test wants two sends of a store to meet for certain.
        self.met = threading.Event()
        self.met.set()
        self.lock = threading.Lock()
        self.under_way: Counter[Any] = Counter()
        self.most: Counter[Any] = Counter()
        self.sent: Counter[tuple[int, str, str]] = Counter()
        self.order: dict[tuple[int, str], list[str]] = defaultdict(list)

    def send(self, job: PushJob, context: AttemptContext) -> Sent:
        places = [(job.store_id, job.subject), job.store_id]
        with self.lock:
            for place in places:
                self.under_way[place] += 1
                self.most[place] = max(self.most[place], self.under_way[place])
            if self.under_way[job.store_id] > 1:
                self.met.set()
        assert self.met.wait(timeout=30), "no second push of a store began while one was under way"
        time.sleep(0.004)
        with self.lock:
            self.under_way.subtract(places)
            self.sent[(job.store_id, job.subject, job.kind)] += 1
            self.order[(job.store_id, job.subject)].append(job.kind)
        return Sent()


def together(count: int, work: Callable[[int], None]) -> None:
    """Run `work(n)` in `count` threads and raise what any of them raised."""
    raised: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


@pytest.fixture
def watch(platform: Any) -> Watch:
    found = Watch()
    for kind in (*FACTS, "stock"):
        handler = handlers.find(kind)
        assert handler
        handlers.register(replace(handler, send=found.send))
    return found


def test_eight_workers_send_200_pushes_of_40_subjects_once_each(
    watch: Watch, fact: Any, state: Any, store: Any, make_store: Any
) -> None:
    stores = [store.pk, *(make_store(f"L{n}").pk for n in range(3))]
    subjects = [(store_id, str(number)) for store_id in stores for number in range(10)]
    for kind in FACTS:
        facts_request(requests=[fact(kind, subject=subject, store_id=one) for one, subject in subjects])
    states_request(requests=[state(subject=subject, store_id=one) for one, subject in subjects])
    PushJob.objects.update(not_before=after(timedelta(seconds=-1)))
    assert PushJob.objects.count() == 200
    watch.met.clear()  # eight workers over four stores: two must be at one store before the first ends
    ends = time.monotonic() + 60

    def work(number: int) -> None:
        while PushJob.objects.exclude(state=JobState.DONE).exists() and time.monotonic() < ends:
            drain.drain(store_id=stores[number % 4])
            reap()

    together(WORKERS, work)
    assert PushJob.objects.filter(state=JobState.DONE, attempts=1).count() == 200
    assert set(watch.sent.values()) == {1}
    assert len(watch.sent) == 200
    assert max(watch.most[subject] for subject in subjects) == 1
    most = [watch.most[one] for one in stores]
    assert (max(most) <= 4, max(most) > 1) == (True, True), most
    steps = [[kind for kind in order if kind in FACTS[:3]] for order in watch.order.values()]
    assert steps == [["invoice", "tracking", "delivery"]] * 40


def test_equal_requests_at_the_same_moment_are_one_push(watch: Watch, fact: Any, state: Any) -> None:
    start = threading.Barrier(WORKERS)

    def work(number: int) -> None:
        start.wait()
        facts_request(requests=[fact(subject=str(n)) for n in range(10)])
        states_request(requests=[state(subject=str(n)) for n in range(10)])

    together(WORKERS, work)
    assert PushJob.objects.facts().count() == 10
    assert PushJob.objects.filter(coalesce_key__isnull=False).count() == PushJob.objects.count() - 10 == 10


def test_different_contents_at_the_same_moment_leave_one_waiting(watch: Watch, fact: Any) -> None:
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        facts_request(requests=[fact(subject=str(n), content=f"C{number}") for n in range(5)])

    together(4, work)
    assert PushJob.objects.count() == 20
    assert PushJob.objects.filter(state=JobState.PENDING).values("subject").distinct().count() == 5
    assert PushJob.objects.filter(state=JobState.PENDING).count() == 5


def test_corrections_while_workers_push_end_with_the_last_content(
    watch: Watch, fact: Any, store: Any
) -> None:
    subjects = [str(n) for n in range(8)]
    finished = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            for content in "ABCDEF":
                facts_request(requests=[fact(subject=subject, content=content) for subject in subjects])
                time.sleep(0.03)
            finished.set()
        while not finished.is_set() or PushJob.objects.filter(state__in=["pending", "claimed"]).exists():
            drain.drain(store_id=store.pk)

    together(4, work)
    assert PushJob.objects.filter(idempotency_key__endswith=":F", state=JobState.DONE).count() == 8
    last = {
        job.subject: job for job in PushJob.objects.filter(state=JobState.DONE).order_by("finished_at", "pk")
    }
    assert all(job.idempotency_key.endswith(":F") for job in last.values())


def test_claims_at_the_same_moment_stop_at_the_cap(watch: Watch, fact: Any, store: Any) -> None:
    facts_request(requests=[fact(subject=str(n)) for n in range(20)])
    start = threading.Barrier(WORKERS)
    claimed: list[int] = []

    def work(number: int) -> None:
        start.wait()
        for _ in range(3):
            job = claim.claim_in_store(store_id=store.pk)
            if job:
                claimed.append(job.pk)

    together(WORKERS, work)
    assert (len(claimed), len(set(claimed))) == (4, 4)
