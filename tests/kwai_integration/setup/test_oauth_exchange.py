"""What can go wrong between Kwai's code and a connected store, and who may bring the code back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_httpserver import HTTPServer

from erp.accounts.models import Company, Role, Store, User
from kwai_integration.client import gateway
from kwai_integration.connection import client_for
from kwai_integration.models import ConnectionHealth, ConsentRequest, KwaiAccount
from kwai_integration.setup.consent import (
    ConsentRefused,
    consent_confirm,
    consent_finish,
    consent_offer,
    requests_forget,
)
from kwai_integration.setup.stores import store_install
from kwai_integration.wire.errors import KwaiError
from kwai_sandbox.server import RunningSandbox
from tests.kwai_integration.setup.test_consent import (
    MERCHANT,
    OTHER_MERCHANT,
    SESSION,
    asked,
    connect,
    exchanges,
    granted,
    installed,
    offer,
    sandbox,
)

__all__ = ["installed", "sandbox"]

pytestmark = pytest.mark.django_db

CALLBACK = "/kwai/oauth/callback/"
FAULTS = [
    (kind, effect)
    for kind in ("timeout", "truncated", "bad_gateway", "server_error")
    for effect in ("before", "after")
]


def account(store: Store) -> KwaiAccount:
    return KwaiAccount.objects.get(pk=store.pk)


def fault(sandbox: RunningSandbox, kind: str, effect: str) -> None:
    body = {"path": "token", "kind": kind, "rate": 1, "count": 1, "effect": effect, "delayMs": 0}
    sandbox.control("PUT", "faults", body)


def fails(sandbox: RunningSandbox, store: Store, user: User) -> None:
    """One return whose exchange fails; its `status` is spent by that."""
    status, code = asked(store, user), granted(sandbox)
    with pytest.raises(ConsentRefused, match="Use conectar com Kwai para tentar de novo"):
        consent_finish(status=status, code=code, user=user, session_key=SESSION)
    # The emulator counts a call it broke off after its caller has gone on, so its counts say nothing here.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "exchange_code", pytest.fail)
        with pytest.raises(ConsentRefused, match="não vale mais"):
            consent_finish(status=status, code=code, user=user, session_key=SESSION)


@pytest.mark.parametrize(("kind", "effect"), FAULTS)
def test_an_exchange_that_fails_binds_nothing_and_the_next_consent_works(
    sandbox: RunningSandbox, installed: Store, admin: User, kind: str, effect: str
) -> None:
    fault(sandbox, kind, effect)
    fails(sandbox, installed, admin)
    row = account(installed)
    assert (row.health, row.merchant_id, row.access_token_stored) == (ConnectionHealth.DISCONNECTED, "", "")
    assert consent_offer(store=installed, user=admin) is None
    connect(sandbox, installed, admin)
    assert client_for(installed.pk).list_items(page=1).total == 0


def test_an_exchange_that_cannot_connect_is_told(
    sandbox: RunningSandbox, installed: Store, admin: User, settings: Any
) -> None:
    status, code = asked(installed, admin), granted(sandbox)
    settings.KWAI_API_URL = "http://127.0.0.1:9"
    with pytest.raises(ConsentRefused, match="Não foi possível conectar ao Kwai"):
        consent_finish(status=status, code=code, user=admin, session_key=SESSION)
    assert account(installed).health == ConnectionHealth.DISCONNECTED


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "ok",
        {},
        {"merchantId": "7"},
        {"merchantId": "7", "accessToken": "AT", "refreshToken": ""},
        {"accessToken": "AT", "refreshToken": "RT"},
    ],
    ids=repr,
)
def test_an_answer_without_a_pair_binds_nothing(
    installed: Store, admin: User, settings: Any, httpserver: HTTPServer, data: object
) -> None:
    settings.KWAI_API_URL = httpserver.url_for("").rstrip("/")
    httpserver.expect_request("/rest/open/api/oauth2/token").respond_with_json({"result": 200, "data": data})
    with pytest.raises(ConsentRefused, match="Use conectar com Kwai para tentar de novo"):
        consent_finish(status=asked(installed, admin), code="c", user=admin, session_key=SESSION)
    assert account(installed).access_token_stored == ""
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(("kind", "works"), [("after", True), ("before", False)])
def test_a_failed_reconnect_leaves_the_connection_as_true_as_it_is(
    sandbox: RunningSandbox, installed: Store, admin: User, kind: str, works: bool
) -> None:
    """Kwai ends the old pair when it issues a new one: whether it did shows with the next call."""
    connect(sandbox, installed, admin)
    before = account(installed)
    fault(sandbox, "truncated", kind)
    fails(sandbox, installed, admin)
    after = account(installed)
    assert (after.health, after.token_version) == (ConnectionHealth.OK, before.token_version)
    if works:
        assert client_for(installed.pk).list_items(page=1).total == 0
        return
    with pytest.raises(Exception, match="conectar com Kwai"):
        client_for(installed.pk).list_items(page=1)
    assert account(installed).health == ConnectionHealth.EXPIRED


def test_returns_of_two_stores_asked_for_side_by_side_do_not_mix(
    sandbox: RunningSandbox, installed: Store, admin: User, company: Company
) -> None:
    second = store_install(company=company, name="Kwai Dois", user=admin)
    first_status, second_status = asked(installed, admin), asked(second, admin)
    for status, merchant in ((second_status, OTHER_MERCHANT), (first_status, MERCHANT)):
        consent_finish(status=status, code=granted(sandbox, merchant), user=admin, session_key=SESSION)
    for store, merchant in ((installed, MERCHANT), (second, OTHER_MERCHANT)):
        consent_confirm(store=store, user=admin)
        assert account(store).merchant_id == merchant


def test_the_wait_for_a_yes_is_the_askers_alone(
    sandbox: RunningSandbox, installed: Store, admin: User, make_user: Callable[..., User]
) -> None:
    offer(sandbox, installed, admin)
    other = make_user(Role.ADMIN, username="outra")
    assert consent_offer(store=installed, user=other) is None
    with pytest.raises(ConsentRefused):
        consent_confirm(store=installed, user=other)
    assert account(installed).merchant_id == ""


def status_of(sent: Any) -> str:
    return parse_qs(urlsplit(sent["Location"]).query)["status"][0]


def test_a_return_without_a_session_or_without_the_right_spends_nothing(
    sandbox: RunningSandbox,
    installed: Store,
    admin: User,
    make_user: Callable[..., User],
    sign_in: Callable[[User], Client],
) -> None:
    client = sign_in(admin)
    status = status_of(client.post(f"/integracoes/{installed.pk}/conectar/"))
    query = {"status": status, "code": granted(sandbox)}
    assert Client().get(CALLBACK, query).status_code == 302
    assert sign_in(make_user(Role.OPERATOR, stores=[installed])).get(CALLBACK, query).status_code == 403
    assert exchanges(sandbox) == 0
    assert client.get(CALLBACK, query).status_code == 200
    assert exchanges(sandbox) == 1


def test_a_return_to_a_new_session_of_the_same_person_is_refused(
    sandbox: RunningSandbox, installed: Store, admin: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(admin)
    status = status_of(client.post(f"/integracoes/{installed.pk}/conectar/"))
    client.post("/sair/")
    client.force_login(admin)
    answer = client.get(CALLBACK, {"status": status, "code": granted(sandbox)})
    assert answer.status_code == 409
    assert "outra sessão" in answer.content.decode()
    assert exchanges(sandbox) == 0


def test_an_administrator_who_was_demoted_brings_nothing_back(
    sandbox: RunningSandbox, installed: Store, admin: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(admin)
    status = status_of(client.post(f"/integracoes/{installed.pk}/conectar/"))
    User.objects.filter(pk=admin.pk).update(role=Role.OPERATOR)
    assert client.get(CALLBACK, {"status": status, "code": granted(sandbox)}).status_code == 403
    assert exchanges(sandbox) == 0


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """`work` in so many threads that start at the same moment; refusals are answers."""
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        try:
            barrier.wait(timeout=30)
            return work(number)
        except (ConsentRefused, KwaiError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.django_db(transaction=True)
def test_a_return_that_arrives_four_times_at_once_is_exchanged_once(
    sandbox: RunningSandbox, installed: Store, admin: User
) -> None:
    status, code = asked(installed, admin), granted(sandbox)

    def arrive(_: int) -> Any:
        return consent_finish(status=status, code=code, user=admin, session_key=SESSION)

    answers = together(4, arrive)
    assert sum(isinstance(answer, ConsentRefused) for answer in answers) == 3
    assert exchanges(sandbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_stores_that_take_the_same_account_at_once(
    sandbox: RunningSandbox, installed: Store, admin: User, company: Company
) -> None:
    stores = [installed, store_install(company=company, name="Kwai Dois", user=admin)]
    for store in stores:
        offer(sandbox, store, admin)
    answers = together(2, lambda number: consent_confirm(store=stores[number], user=admin))
    refused = [answer for answer in answers if isinstance(answer, ConsentRefused)]
    assert len(refused) == 1
    winner = KwaiAccount.objects.select_related("store").get(merchant_id=MERCHANT)
    assert winner.store.name in str(refused[0])
    assert winner.is_connected


def test_requests_whose_time_is_over_are_forgotten_with_their_pair(
    sandbox: RunningSandbox, installed: Store, admin: User
) -> None:
    offer(sandbox, installed, admin)
    asked(installed, admin)
    assert requests_forget() == 0
    ConsentRequest.objects.exclude(offer_stored="").update(expires_at=timezone.now() - timedelta(seconds=1))
    assert requests_forget() == 1
    assert ConsentRequest.objects.get().offer_stored == ""
