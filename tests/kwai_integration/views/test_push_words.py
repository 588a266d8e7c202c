"""What lists and pages say of a push that waits for somebody, or that Kwai has refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from erp.accounts.models import User
from erp.channels import ChannelAction
from erp.outbox.queues import queue_pause
from erp.outbox.statuses import PauseMode
from kwai_integration.outbound.kinds import Kind
from tests.kwai_integration.outbound import conftest as outbound
from tests.kwai_integration.outbound.conftest import Desk, job_of

desk, kwai, kwai_store = outbound.desk, outbound.kwai, outbound.kwai_store
labels_dir, wakes, sku = outbound.labels_dir, outbound.wakes, outbound.sku
pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[User], Client]


@pytest.mark.parametrize("is_followed", [True, False])
def test_an_answer_says_when_a_person_must_look_first(desk: Desk, settings: Any, is_followed: bool) -> None:
    settings.KWAI_CONFIRM_FIRST_PUSH = is_followed
    (order,) = desk.orders()
    (row,) = desk.ask(ChannelAction.SEND_INVOICE, desk.invoice(order).pk)
    assert ("conferido em Envios ao Kwai" in row.text) is is_followed
    assert ("em instantes" in row.text) is not is_followed


def test_a_push_of_a_store_without_consent_says_why_it_waits(
    desk: Desk, admin: User, sign_in: SignIn
) -> None:
    (order,) = desk.orders()
    desk.ask(ChannelAction.SEND_INVOICE, desk.invoice(order).pk)
    queue_pause(store_id=order.store_id, mode=PauseMode.CREDENTIAL, reason="O Kwai revogou a autorização.")
    client = sign_in(admin)
    said = "O Kwai revogou a autorização. Conecte a loja de novo em Integrações. Este envio segue sozinho"
    job = job_of(Kind.SEND_INVOICE, order)
    for page in (reverse("kwai:jobs"), reverse("kwai:job", args=[job.pk])):
        assert said in client.get(page).content.decode()


def test_a_refused_note_is_said_once_with_the_way_to_the_note(
    desk: Desk, admin: User, sign_in: SignIn
) -> None:
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": "wait"})
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    desk.kwai.change(order.external_id, invoiceStatus=3, invoiceRefusalReason="Confira o comprador.")
    desk.push_later()
    page = sign_in(admin).get(reverse("kwai:job", args=[job_of(Kind.SEND_TRACKING, order).pk]))
    text = page.content.decode()
    assert "Confira o comprador. Corrija" in text
    alert = re.split(r"</div>\s*</div>", text.split('role="alert"', 1)[1])[0]
    assert alert.count("Corrija") == 1
    assert shipment.invoice is not None
    assert shipment.invoice.get_absolute_url() in text
