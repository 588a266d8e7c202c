"""The same push twice at once, and two workers at the same messages: one row, one claim for each order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from erp import scheduling
from erp.accounts.models import Store
from kwai_integration.inbound import events
from kwai_integration.models import EventState, InboundEvent
from kwai_sandbox.pushes import push_encrypt
from tests.kwai_integration.inbound.test_webhook import KEY, connected, message

__all__ = ["connected"]

pytestmark = pytest.mark.django_db(transaction=True)


def together(work: Callable[[], Any], times: int = 4) -> list[Any]:
    """What `work` answered in each of some threads that began at the same moment."""
    start, answers = threading.Barrier(times), []

    def run() -> None:
        try:
            start.wait(60)
            answers.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == times
    return answers


def test_the_same_push_at_once_is_one_row(connected: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: None)
    body = push_encrypt(json.dumps(message()), KEY)

    def post() -> tuple[int, Any]:
        answer = Client().post("/kwai/webhook/", body, content_type="text/plain")
        return answer.status_code, answer.json()

    assert together(post) == [(200, {"result": 1})] * 4
    assert InboundEvent.objects.count() == 1


def test_workers_share_the_messages_out(connected: Store) -> None:
    InboundEvent.objects.bulk_create(
        InboundEvent(store=connected, event_id=str(number), subject=str(number % 90), payload="{}")
        for number in range(180)
    )
    claims = [claim for claim in together(lambda: events._claim(connected.pk)) if claim]
    held = [subject for claim in claims for subject in claim.orders]
    assert len(held) == len(set(held))
    claimed = InboundEvent.objects.filter(state=EventState.CLAIMED)
    assert set(claimed.values_list("subject", flat=True)) == set(held)
    assert claimed.count() == 2 * len(held)
