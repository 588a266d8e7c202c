from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp.clock import after
from erp.outbox import claim, drain, errors, limits, selectors
from erp.outbox.commands import jobs_cancel
from erp.outbox.models import PushJob, RateLimit, StoreQueue
from erp.outbox.queues import queue_pause
from erp.outbox.request import facts_request
from erp.outbox.statuses import BreakerState, JobState, PauseMode, WaitReason

pytestmark = pytest.mark.django_db


def run(store: Any) -> None:
    job = claim.claim_in_store(store_id=store.pk)
    assert job
    drain.push(job)


def marks(store: Any, subject: str = "900") -> dict[str, selectors.Mark]:
    key = (store.pk, subject)
    return selectors.jobs_done(subjects=[key], kinds=["invoice", "tracking", "delivery"])[key]


def test_markers_follow_a_push_from_request_to_confirmation(platform: Any, fact: Any, store: Any) -> None:
    assert marks(store) == {}
    facts_request(requests=[fact()])
    assert (marks(store)["tracking"].state, marks(store)["tracking"].done_at) == (JobState.PENDING, None)
    run(store)
    assert marks(store)["tracking"].is_done
    facts_request(requests=[fact(content="B")])
    corrected = marks(store)["tracking"]
    assert (corrected.is_done, bool(corrected.done_at), corrected.state) == (False, True, JobState.PENDING)
    jobs_cancel(job_ids=[corrected.job_id])
    assert marks(store)["tracking"].is_done


def test_a_marker_names_the_refused_step_that_holds_it_back(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact("invoice"), fact("tracking"), fact("tracking", subject="901")])
    platform.answers.append(errors.PushRefused("NF-e inválida"))
    run(store)
    found = marks(store)
    assert (found["invoice"].text, found["invoice"].failure_mode) == ("NF-e inválida", "rejected")
    assert found["tracking"].held_back_by == "invoice"
    assert marks(store, "901")["tracking"].held_back_by == ""


def test_markers_keep_stores_apart_and_cost_one_query(
    platform: Any, fact: Any, store: Any, make_store: Any
) -> None:
    other = make_store()
    facts_request(requests=[fact(subject=str(n)) for n in range(30)])
    subjects = [(one.pk, str(n)) for n in range(30) for one in (store, other)]
    with CaptureQueriesContext(connection) as queries:
        found = selectors.jobs_done(subjects=subjects, kinds=["tracking"])
    assert len(queries) == 1
    assert [bool(found[subject]) for subject in subjects] == [True, False] * 30


def test_what_passes_by_itself_is_known_while_it_lasts(
    platform: Any, fact: Any, store: Any, make_store: Any, operator: Any
) -> None:
    facts_request(requests=[fact(), fact(store_id=make_store().pk)])
    assert (selectors.resting_queues(user=operator), selectors.quotas_spent()) == ([], {})
    until = timezone.now() + timedelta(hours=3)
    limits.hold(store_id=store.pk, call="ship", until=until, reason=WaitReason.QUOTA)
    StoreQueue.objects.update(
        breaker_state=BreakerState.OPEN, opened_at=timezone.now(), reopen_at=after(timedelta(seconds=30))
    )
    assert [queue.store_id for queue in selectors.resting_queues(user=operator)] == [store.pk]
    assert selectors.quotas_spent() == {"ship": until}


def test_a_queue_is_late_when_nothing_holds_its_push(
    platform: Any, fact: Any, store: Any, admin: Any
) -> None:
    def late() -> list[int]:
        return [queue.store_id for queue in selectors.late_queues(user=admin)]

    facts_request(requests=[fact("invoice"), fact("tracking")])
    assert late() == []
    since = timezone.now() - timedelta(minutes=20)
    PushJob.objects.update(not_before=since)
    assert late() == [store.pk]
    until = timezone.now() + timedelta(minutes=10)
    limits.hold(store_id=store.pk, call="ship", until=until, reason=WaitReason.LIMIT)
    assert late() == []
    RateLimit.objects.update(resume_at=None, resume_reason="")
    # The step before is blocked: the other waits for a person, not for a worker.
    PushJob.objects.filter(kind="invoice").update(state=JobState.BLOCKED, failure_mode="rejected")
    assert late() == []
    queue_pause(store_id=store.pk, mode=PauseMode.CREDENTIAL, reason="A loja foi desconectada.")
    assert late() == []
