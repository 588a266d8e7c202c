"""A group's page in a real browser: what Enter in a code does, which is what a scanner ends with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.accounts.models import User
from erp.sales.models import ShippedBy, ShippingMethod
from expedition.models import Shipment, ShipmentGroup
from tests.conftest import PASSWORD
from tests.expedition.conftest import RecordingChannel


@pytest.mark.django_db(transaction=True)
def test_enter_in_a_code_saves_it(
    live_server: LiveServer,
    page: Page,
    admin: User,
    channel: RecordingChannel,
    open_shipment: Callable[..., Shipment],
    make_group: Callable[..., ShipmentGroup],
    jadlog: ShippingMethod,
) -> None:
    shipment = open_shipment(jadlog, shipped_by=ShippedBy.SELLER)
    group = make_group(jadlog, shipment)
    page.goto(live_server.url + group.get_absolute_url())
    page.fill("input[name=username]", admin.username)
    page.fill("input[name=password]", PASSWORD)
    page.locator("form button").first.click()
    page.get_by_label("Código de rastreio da expedição").fill("JD000000001")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 código salvo.")).to_be_visible()
    assert Shipment.objects.get().tracking_code == "JD000000001"
