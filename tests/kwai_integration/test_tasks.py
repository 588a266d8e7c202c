"""The tasks call the work and plan only what is due."""

from __future__ import annotations

from typing import Any

import pytest

from erp.catalog.models import Sku
from erp.sales.models import Order
from kwai_integration import tasks
from kwai_integration.models import KwaiOrder, KwaiSettings
from tests.kwai_integration.inbound.conftest import Kwai, kwai, kwai_store, sku  # noqa: F401

pytestmark = pytest.mark.django_db


def test_poll_then_receive(kwai: Kwai, sku: Sku) -> None:
    kwai.orders(60)
    tasks.poll(kwai.store.pk)
    assert (KwaiOrder.objects.count(), Order.objects.count()) == (60, 0)
    tasks.receive(kwai.store.pk)
    assert Order.objects.count() == 0
    KwaiSettings.objects.update(auto_receive=True)
    tasks.receive(kwai.store.pk)
    tasks.receive(kwai.store.pk)
    assert Order.objects.count() == 60


def test_plan_wakes_once_per_due_store(kwai: Kwai, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as woken:
        tasks.plan()
    assert len(woken) == 1
    tasks.poll(kwai.store.pk)
    with django_capture_on_commit_callbacks() as woken:
        tasks.plan()
    assert woken == []


def test_names_are_those_of_the_routes_and_the_schedule(settings: Any) -> None:
    assert {tasks.poll.name, tasks.receive.name} <= set(settings.CELERY_TASK_ROUTES)
    assert tasks.plan.name == settings.CELERY_BEAT_SCHEDULE["kwai-plan"]["task"]
