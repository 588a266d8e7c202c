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
from erp.outbox.models import StoreQueue
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


def test_each_trouble_of_a_queue_is_one_notice(
    platform: Any, fact: Any, store: Any, make_store: Any, operator: Any
) -> None:
    assert selectors.queue_notices(user=operator) == []
    facts_request(requests=[fact(), fact(store_id=make_store().pk)])
    for _ in range(2):
        queue_pause(store_id=store.pk, mode=PauseMode.CREDENTIAL, reason="A loja foi desconectada.")
        until = timezone.now() + timedelta(hours=3)
        limits.hold(store_id=store.pk, call="ship", until=until, reason=WaitReason.QUOTA)
    StoreQueue.objects.update(
        breaker_state=BreakerState.OPEN, opened_at=timezone.now(), reopen_at=after(timedelta(seconds=30))
    )
    texts = [notice.text for notice in selectors.queue_notices(user=operator)]
    assert texts[0] == "Envios pausados: A loja foi desconectada."
    assert ("não está respondendo" in texts[1], "cota diária" in texts[2], len(texts)) == (True, True, 3)
