"""The emulator's own refusals of application, clock, consent and permission, and the way back from each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from erp import clock
from erp.accounts.models import Company, Store
from erp.outbox.models import ChannelPause, StoreQueue
from erp.sales.models import Order
from kwai_integration.app_probe import app_probe
from kwai_integration.client import gateway
from kwai_integration.connection import StoreTokens, account_refresh, account_store_pair, client_for
from kwai_integration.inbound.poll import store_poll
from kwai_integration.models import ConnectionHealth, KwaiAccount, OAuthPause
from kwai_integration.wire import errors
from tests.kwai_integration.outbound.conftest import (
    MERCHANT,
    Desk,
    Kwai,
    desk,
    kwai,
    kwai_store,
    sku,
    wakes,
)
from tests.kwai_integration.test_connection import account, reconnect

__all__ = ["desk", "kwai", "kwai_store", "sku", "wakes"]

pytestmark = pytest.mark.django_db


def fault(kwai: Kwai, kind: str, **fields: Any) -> None:
    kwai.sandbox.control("PUT", "faults", {"kind": kind, "rate": 1, **fields})


def probe() -> bool:
    ChannelPause.objects.update(lease_until=clock.after(timedelta(seconds=-1)))
    return app_probe()


@pytest.mark.parametrize(("offset", "words"), [(600_000, "10 min atrasado"), (-86_400_000, "24 h adiantado")])
def test_a_refused_clock_pauses_all_tells_by_how_much_and_resumes(
    desk: Desk, offset: int, words: str
) -> None:
    kwai = desk.kwai
    order_ids = kwai.orders(2)
    fault(kwai, "clock", offsetMs=offset)
    kwai.poll()
    reason = ChannelPause.objects.get().reason
    assert "relógio do servidor" in reason
    assert words in reason
    asked = kwai.calls("queryOrderList")
    kwai.due()
    assert store_poll(kwai.store.pk) is None
    assert probe() is False
    assert kwai.calls("queryOrderList") == asked + 1
    kwai.sandbox.control("DELETE", "faults")
    assert probe() is True
    kwai.poll()
    assert set(Order.objects.values_list("external_id", flat=True)) == set(order_ids)
    assert (account().health, kwai.cursor.last_error) == (ConnectionHealth.OK, "")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("KWAI_APP_KEY", errors.AppInvalid), ("KWAI_SIGN_SECRET", errors.SignatureInvalid)],
)
def test_a_wrong_setting_is_named_and_its_correction_resumes_everything(
    kwai: Kwai, settings: Any, name: str, kind: type[errors.KwaiError]
) -> None:
    right = getattr(settings, name)
    setattr(settings, name, "wrong")
    with pytest.raises(kind):
        client_for(kwai.store.pk).list_items(page=1)
    assert name in ChannelPause.objects.get().reason
    assert probe() is False
    setattr(settings, name, right)
    assert probe() is True
    assert client_for(kwai.store.pk).list_items(page=1).total == 0


def test_a_wrong_secret_lets_the_store_go_on_and_its_correction_renews(kwai: Kwai, settings: Any) -> None:
    right = settings.KWAI_APP_SECRET
    settings.KWAI_APP_SECRET = "wrong"
    KwaiAccount.objects.update(refresh_due_at=timezone.now() - timedelta(seconds=1))
    assert account_refresh(store_id=kwai.store.pk) is False
    assert "KWAI_APP_SECRET" in OAuthPause.objects.get().reason
    assert client_for(kwai.store.pk).list_items(page=1).total == 0
    settings.KWAI_APP_SECRET = right
    assert account_refresh(store_id=kwai.store.pk) is True
    assert not OAuthPause.objects.exists()


def test_a_renewal_without_a_merchant_keeps_the_known_one(kwai: Kwai) -> None:
    before = account()
    fault(kwai, "missing_merchant")
    KwaiAccount.objects.update(refresh_due_at=timezone.now() - timedelta(seconds=1))
    assert account_refresh(store_id=kwai.store.pk) is True
    after = account()
    assert (after.merchant_id, after.shop_name) == (before.merchant_id, before.shop_name)
    assert after.refresh_token != before.refresh_token
    assert client_for(kwai.store.pk).list_items(page=1).total == 0


@pytest.mark.parametrize("code", [499, 448, 777])
def test_an_unknown_code_at_a_renewal_ends_no_consent(kwai: Kwai, code: int) -> None:
    fault(kwai, "unknown_code", code=code, path="refreshToken")
    KwaiAccount.objects.update(refresh_due_at=timezone.now() - timedelta(seconds=1))
    assert account_refresh(store_id=kwai.store.pk) is False
    assert (account().health, str(code) in account().refresh_problem) == (ConnectionHealth.OK, True)
    kwai.sandbox.control("DELETE", "faults")
    KwaiAccount.objects.update(refresh_retry_at=None, refresh_due_at=timezone.now() - timedelta(seconds=1))
    assert account_refresh(store_id=kwai.store.pk) is True


@pytest.mark.parametrize("kind", ["rate_limit", "quota"])
def test_a_limit_that_one_stores_renewal_met_holds_those_of_all_stores(
    kwai: Kwai, company: Company, kind: str
) -> None:
    code = kwai.sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    fault(kwai, kind, path="refreshToken", retryAfter=40, count=1)
    KwaiAccount.objects.update(refresh_due_at=timezone.now() - timedelta(seconds=1))
    assert account_refresh(store_id=kwai.store.pk) is False
    other = Store.objects.create(company=company, name="Outra", channel="kwai", lifecycle="active")
    pair = gateway.exchange_code(gateway.client_config(), code=code)
    second = KwaiAccount(store=other, merchant_id="799999999999999999", health=ConnectionHealth.OK)
    account_store_pair(second, pair)
    second.refresh_due_at = timezone.now() - timedelta(seconds=1)
    second.save()
    assert account_refresh(store_id=other.pk) is False
    assert kwai.calls("refreshToken") == 1
    assert set(KwaiAccount.objects.values_list("health", flat=True)) == {ConnectionHealth.OK}


def test_an_unknown_merchant_asks_for_a_new_consent(kwai: Kwai) -> None:
    right = account().merchant_id
    KwaiAccount.objects.update(merchant_id="799999999999999999")
    with pytest.raises(errors.MerchantInvalid):
        client_for(kwai.store.pk).list_items(page=1)
    assert account().health == ConnectionHealth.UNRECOGNISED
    assert StoreQueue.objects.get().paused_mode == "credential"
    KwaiAccount.objects.update(merchant_id=right)
    reconnect(kwai)
    assert client_for(kwai.store.pk).list_items(page=1).total == 0
    assert StoreQueue.objects.get().paused_mode == ""


def test_a_token_that_ended_is_renewed_once_and_the_call_repeated_once(kwai: Kwai) -> None:
    kwai.sandbox.control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
    assert client_for(kwai.store.pk).list_items(page=1).total == 0
    assert (kwai.calls("refreshToken"), kwai.calls("listItem")) == (1, 2)
    assert StoreTokens(kwai.store.pk).current().access_token == account().access_token
