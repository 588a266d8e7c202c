"""*Conectar com Kwai* against the emulator: whose return counts, and which account a store may have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from erp.accounts.models import AuditEntry, Company, Role, Store, User
from erp.encryption import UnreadableSecret
from kwai_integration.models import ConnectionHealth, ConsentRequest, KwaiAccount
from kwai_integration.setup.consent import (
    ConsentRefused,
    consent_confirm,
    consent_finish,
    consent_offer,
    consent_start,
    offers_drop,
)
from kwai_integration.setup.stores import store_install
from kwai_sandbox.server import RunningSandbox, running

pytestmark = pytest.mark.django_db

MERCHANT, OTHER_MERCHANT = "700000000000000001", "700000000000000002"
SESSION = "session-key-1"


@pytest.fixture
def sandbox(settings: Any) -> Iterator[RunningSandbox]:
    with running() as emulator:
        settings.KWAI_API_URL = emulator.url
        settings.KWAI_CONSENT_URL = f"{emulator.url}/shop/b/authorize"
        for merchant_id, name in ((MERCHANT, "Loja Um"), (OTHER_MERCHANT, "Loja Dois")):
            emulator.control("POST", "merchants", {"merchantId": merchant_id, "shopName": name})
        yield emulator


@pytest.fixture
def installed(company: Company, admin: User) -> Store:
    return store_install(company=company, name="Kwai Um", user=admin)


def asked(store: Store, user: User, session_key: str = SESSION) -> str:
    """The `status` value that travels to the consent page."""
    url = consent_start(store=store, user=user, session_key=session_key)
    return parse_qs(urlsplit(url).query)["status"][0]


def granted(sandbox: RunningSandbox, merchant_id: str = MERCHANT) -> str:
    code: str = sandbox.control("POST", "grants", {"merchantId": merchant_id})["code"]
    return code


def connect(sandbox: RunningSandbox, store: Store, user: User, merchant_id: str = MERCHANT) -> Store:
    """The whole way: consent, return, *usar esta conta*."""
    offer(sandbox, store, user, merchant_id)
    return consent_confirm(store=store, user=user)


def offer(sandbox: RunningSandbox, store: Store, user: User, merchant_id: str = MERCHANT) -> None:
    status = asked(store, user)
    consent_finish(status=status, code=granted(sandbox, merchant_id), user=user, session_key=SESSION)


def exchanges(sandbox: RunningSandbox) -> int:
    paths = sandbox.control("GET", "stats")["paths"]
    return sum(found["total"] for path, found in paths.items() if path.endswith("/oauth2/token"))


def test_the_account_is_bound_to_the_store(sandbox: RunningSandbox, installed: Store, admin: User) -> None:
    assert connect(sandbox, installed, admin) == installed
    account = KwaiAccount.objects.get(pk=installed.pk)
    assert (account.merchant_id, account.shop_name, account.health) == (MERCHANT, "Loja Um", "ok")
    assert account.connected_at is not None
    assert AuditEntry.objects.filter(action="kwai.connected", actor=admin).count() == 1


def test_a_new_account_is_bound_only_by_the_operators_yes(
    sandbox: RunningSandbox, installed: Store, admin: User, make_user: Callable[..., User]
) -> None:
    offer(sandbox, installed, admin)
    account = KwaiAccount.objects.get()
    assert (account.merchant_id, account.health) == ("", ConnectionHealth.DISCONNECTED)
    waiting = consent_offer(store=installed, user=admin)
    assert waiting is not None
    assert (waiting.shop_name, waiting.merchant_id) == ("Loja Um", MERCHANT)
    other = make_user("admin", username="outra")
    assert consent_offer(store=installed, user=other) is None
    with pytest.raises(ConsentRefused, match="sem confirmação"):
        consent_confirm(store=installed, user=other)
    consent_confirm(store=installed, user=admin)
    assert KwaiAccount.objects.get().is_connected
    assert consent_offer(store=installed, user=admin) is None
    assert ConsentRequest.objects.get().offer_stored == ""
    # A second click, or the same button in the other tab.
    assert consent_confirm(store=installed, user=admin) == installed


def test_a_yes_is_whole_or_not_at_all(
    sandbox: RunningSandbox, installed: Store, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies after the pair is bound must not leave the offer: saying yes to it later would
    put a pair back that a refresh has killed meanwhile."""
    offer(sandbox, installed, admin)

    class Killed(BaseException):
        pass

    def killed(**_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("kwai_integration.setup.consent.offers_drop", killed)
        with pytest.raises(Killed):
            consent_confirm(store=installed, user=admin)
    is_bound = KwaiAccount.objects.get().is_connected
    assert is_bound is (consent_offer(store=installed, user=admin) is None)


def test_a_refused_or_forgotten_offer_binds_nothing(
    sandbox: RunningSandbox, installed: Store, admin: User
) -> None:
    offer(sandbox, installed, admin)
    offers_drop(store=installed)
    with pytest.raises(ConsentRefused, match="sem confirmação"):
        consent_confirm(store=installed, user=admin)
    offer(sandbox, installed, admin, OTHER_MERCHANT)
    ConsentRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(ConsentRefused, match="sem confirmação"):
        consent_confirm(store=installed, user=admin)
    assert KwaiAccount.objects.get().merchant_id == ""


def test_an_account_taken_while_it_waited_is_refused(
    sandbox: RunningSandbox, installed: Store, admin: User, company: Company
) -> None:
    second = store_install(company=company, name="Kwai Dois", user=admin)
    offer(sandbox, installed, admin)
    connect(sandbox, second, admin)
    with pytest.raises(ConsentRefused, match="já está conectada em Kwai Dois"):
        consent_confirm(store=installed, user=admin)


def test_a_return_counts_once(sandbox: RunningSandbox, installed: Store, admin: User) -> None:
    status = asked(installed, admin)
    consent_finish(status=status, code=granted(sandbox), user=admin, session_key=SESSION)
    with pytest.raises(ConsentRefused, match="não vale mais"):
        consent_finish(status=status, code=granted(sandbox), user=admin, session_key=SESSION)
    assert exchanges(sandbox) == 1


def test_a_return_counts_for_who_asked_only(
    sandbox: RunningSandbox, installed: Store, admin: User, make_user: Callable[..., User]
) -> None:
    status = asked(installed, admin)
    other = make_user("admin", username="outra")
    for user, session_key, value in (
        (other, SESSION, status),
        (admin, "another-session", status),
        (admin, SESSION, "invented"),
        (admin, SESSION, ""),
    ):
        with pytest.raises(ConsentRefused, match="não vale mais"):
            consent_finish(status=value, code=granted(sandbox), user=user, session_key=session_key)
    assert exchanges(sandbox) == 0
    assert ConsentRequest.objects.get().used_at is None


def test_a_return_after_its_time_counts_no_more(
    sandbox: RunningSandbox, installed: Store, admin: User
) -> None:
    status = asked(installed, admin)
    ConsentRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(ConsentRefused, match="expirou"):
        consent_finish(status=status, code=granted(sandbox), user=admin, session_key=SESSION)
    assert KwaiAccount.objects.get().health == ConnectionHealth.DISCONNECTED


def test_a_refused_consent_changes_nothing(sandbox: RunningSandbox, installed: Store, admin: User) -> None:
    with pytest.raises(ConsentRefused, match="recusada na página do Kwai"):
        consent_finish(status=asked(installed, admin), code="", user=admin, session_key=SESSION)
    assert KwaiAccount.objects.get().health == ConnectionHealth.DISCONNECTED


def test_an_account_belongs_to_one_store(
    sandbox: RunningSandbox, installed: Store, admin: User, company: Company
) -> None:
    connect(sandbox, installed, admin)
    second = store_install(company=company, name="Kwai Dois", user=admin)
    with pytest.raises(ConsentRefused, match=r"Loja Um .* já está conectada em Kwai Um"):
        connect(sandbox, second, admin)
    assert KwaiAccount.objects.get(pk=second.pk).health == ConnectionHealth.DISCONNECTED


def test_an_account_of_another_company_stays_unnamed(
    sandbox: RunningSandbox, installed: Store, admin: User, other_company: Company
) -> None:
    stranger = User.objects.create_user(username="alheio", company=other_company, role=Role.ADMIN)
    connect(sandbox, store_install(company=other_company, name="Loja Alheia", user=stranger), stranger)
    with pytest.raises(ConsentRefused, match="já está conectada em outra integração"):
        connect(sandbox, installed, admin)


def test_a_store_keeps_its_account(sandbox: RunningSandbox, installed: Store, admin: User) -> None:
    connect(sandbox, installed, admin)
    with pytest.raises(ConsentRefused, match="pertence à conta Kwai Loja Um"):
        connect(sandbox, installed, admin, OTHER_MERCHANT)
    assert KwaiAccount.objects.get().merchant_id == MERCHANT


def test_connecting_again_takes_the_new_pair(sandbox: RunningSandbox, installed: Store, admin: User) -> None:
    connect(sandbox, installed, admin)
    before = KwaiAccount.objects.get()
    KwaiAccount.objects.update(health=ConnectionHealth.REVOKED)
    connect(sandbox, installed, admin)
    after = KwaiAccount.objects.get()
    assert after.health == ConnectionHealth.OK
    assert after.access_token != before.access_token
    assert after.token_version == before.token_version + 1


def test_a_failed_exchange_is_told(sandbox: RunningSandbox, installed: Store, admin: User) -> None:
    with pytest.raises(ConsentRefused, match="Use conectar com Kwai para tentar de novo"):
        consent_finish(status=asked(installed, admin), code="spent", user=admin, session_key=SESSION)
    body = {"path": "token", "kind": "bad_gateway", "rate": 1, "count": 1, "effect": "before"}
    sandbox.control("PUT", "faults", body)
    with pytest.raises(ConsentRefused, match="não concluiu a conexão"):
        connect(sandbox, installed, admin)
    assert KwaiAccount.objects.get().health == ConnectionHealth.DISCONNECTED


def test_tokens_are_nowhere_in_clear(
    sandbox: RunningSandbox, installed: Store, admin: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    status = asked(installed, admin)
    consent_finish(status=status, code=granted(sandbox), user=admin, session_key=SESSION)
    waiting = [str(row) for row in ConsentRequest.objects.values_list()]
    consent_confirm(store=installed, user=admin)
    account = KwaiAccount.objects.get()
    secrets = (account.access_token, account.refresh_token, status)
    stored = waiting
    with connection.cursor() as cursor:
        for model in (KwaiAccount, ConsentRequest, AuditEntry):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            stored.extend(str(row) for row in cursor.fetchall())
    assert all(len(secret) > 20 for secret in secrets)
    for secret in secrets:
        assert secret not in "".join(stored)
        assert secret not in caplog.text
    assert "APPSECRET" not in caplog.text


def test_a_token_copied_to_another_row_does_not_open(
    sandbox: RunningSandbox, installed: Store, admin: User, company: Company
) -> None:
    connect(sandbox, installed, admin)
    own = KwaiAccount.objects.get()
    second = KwaiAccount.objects.get(pk=store_install(company=company, name="Dois", user=admin).pk)
    second.access_token_stored = own.access_token_stored
    with pytest.raises(UnreadableSecret, match="pertence a outro registro"):
        _ = second.access_token
    own.refresh_token_stored = own.access_token_stored
    with pytest.raises(UnreadableSecret):
        _ = own.refresh_token


def test_the_callback_page_says_what_happened(
    sandbox: RunningSandbox, installed: Store, admin: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(admin)
    sent = client.post(f"/integracoes/{installed.pk}/conectar/")
    address = urlsplit(sent["Location"])
    assert f"{address.scheme}://{address.netloc}" == sandbox.url
    status = parse_qs(address.query)["status"][0]
    foreign = sign_in(admin).get("/kwai/oauth/callback/", {"code": granted(sandbox), "status": status})
    assert foreign.status_code == 409
    assert "outra sessão" in foreign.content.decode()
    done = client.get("/kwai/oauth/callback/", {"code": granted(sandbox), "status": status})
    assert done.status_code == 200
    assert "usar esta conta" in done.text
    assert MERCHANT in done.text
    assert not KwaiAccount.objects.get().is_connected
    used = client.post(f"/integracoes/{installed.pk}/conta/", {"do": "use", "callback": "1"})
    assert "Conexão feita" in used.text
    assert KwaiAccount.objects.get().is_connected
