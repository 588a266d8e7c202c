"""Contract 3.3 over the whole table: what each result does to a read, a push and a renewal of the pair."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from erp import clock, scheduling
from erp.accounts.models import Company, Store, StoreLifecycle, User
from erp.outbox import claim, drain, handlers
from erp.outbox.attempts import AttemptContext
from erp.outbox.handlers import Handler, Nature, Sent
from erp.outbox.models import ChannelPause, PushJob, StoreQueue
from erp.outbox.push_requests import FactRequest
from erp.outbox.request import facts_request
from erp.outbox.selectors import calls_denied
from erp.outbox.statuses import BreakerState, FailureMode, JobState, WaitReason
from kwai_integration import app_probe as probe
from kwai_integration import tasks
from kwai_integration.connection import (
    RETRY_DELAYS,
    NotConnected,
    StoreTokens,
    account_refresh,
    accounts_to_refresh,
    client_for,
)
from kwai_integration.inbound import events, plan
from kwai_integration.inbound.poll import store_poll
from kwai_integration.models import (
    ConnectionHealth,
    InboundEvent,
    KwaiAccount,
    KwaiSettings,
    OAuthPause,
    SyncCursor,
)
from kwai_integration.outbound.remote import calling
from kwai_integration.setup.consent import ConsentRefused, consent_finish, consent_start
from kwai_integration.wire import errors
from kwai_integration.wire.codes import RESULTS, ResultMeaning
from kwai_integration.wire.types import StockUpdate

pytestmark = pytest.mark.django_db

UNNAMED_ACCESS, UNKNOWN = "unnamed access", "unknown"
# A code of its own for every meaning: whatever knew a number by heart fails with these.
INVENTED = {9000 + place: meaning for place, meaning in enumerate(ResultMeaning)}
CASES = [
    *((code, row.meaning, {}) for code, row in RESULTS.items()),
    *((code, meaning, INVENTED) for code, meaning in INVENTED.items()),
    *((code, UNNAMED_ACCESS, {}) for code in (448, 449)),
    *((code, UNNAMED_ACCESS, INVENTED) for code in (440, 442, 443, 446)),
    *((code, UNKNOWN, {}) for code in (777, 450, 439, 0, -1, 1)),
    *((code, UNKNOWN, INVENTED) for code in (200, 402)),
]
NAMED = {code for code, meaning, table in CASES if meaning in (UNKNOWN, UNNAMED_ACCESS) and not table} & set(
    RESULTS
)
assert not NAMED, f"{NAMED} stand in RESULTS by now: take other codes as unknown in CASES"
REFUSED = [case for case in CASES if case[1] is not ResultMeaning.OK]
APP = (ResultMeaning.APP_INVALID, ResultMeaning.CLOCK_WRONG, ResultMeaning.SIGNATURE_INVALID)
ENDS = {
    ResultMeaning.CONSENT_REVOKED: ConnectionHealth.REVOKED,
    ResultMeaning.MERCHANT_INVALID: ConnectionHealth.UNRECOGNISED,
}
over = pytest.mark.parametrize(
    ("code", "meaning", "table"), REFUSED, ids=[f"{code}-{meaning}" for code, meaning, _ in REFUSED]
)


class Platform(ThreadingHTTPServer):
    """Answers each path with the result it was told, else as if all were well; counts the calls. Its clock is
    right, whatever the test's is."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.results: dict[str, int] = {}
        self.answers: dict[str, Any] = {}
        self.listed: list[int] = []
        self.ok = 200
        self.calls: Counter[str] = Counter()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.is_dated = True
        self._began = (time.time(), time.monotonic())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def now(self) -> float:
        began, monotonic = self._began
        return began + time.monotonic() - monotonic

    def answer(self, path: str, body: bytes) -> bytes:
        name = urlsplit(path).path.rsplit("/", 1)[-1]
        self.calls[name] += 1
        self.asked.append((name, json.loads(body) if body else {}))
        result = self.results.get(name, self.results.get("*", self.ok))
        data = self._data(name) if result == self.ok else None
        return json.dumps({"result": result, "message": "motivo", "data": data}).encode()

    def _data(self, name: str) -> Any:
        if name in ("token", "refreshToken"):
            pair = {
                "merchantId": 123,
                "shopName": "Loja",
                "accessToken": f"AT{sum(self.calls.values())}",
                "refreshToken": f"RT{sum(self.calls.values())}",
                "expiresIn": 604_800,
                "refreshTokenExpiresIn": 31_536_000,
                "scopes": "user_info,merchant_item,merchant_order",
            }
            return {**pair, **self.answers}
        if name == "queryOrderDetails":
            return []
        ids = [{"orderId": order_id} for order_id in self.listed]
        return {"total": len(ids), "orderList": ids, "totalCount": 0, "itemList": []}


class _Answering(BaseHTTPRequestHandler):
    server: Platform

    def do_GET(self) -> None:
        body = self.server.answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        if self.server.is_dated:
            self.send_header("Date", formatdate(self.server.now(), usegmt=True))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def platform(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: None)
    with Platform() as found:
        settings.KWAI_API_URL = found.url
        threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
        yield found
        found.shutdown()


def connect(store: Store, merchant_id: str = "123") -> Store:
    now = timezone.now()
    KwaiSettings.objects.create(store=store)
    row = KwaiAccount(store=store, merchant_id=merchant_id, health=ConnectionHealth.OK, shop_name="Loja")
    row.access_token, row.refresh_token = "AT", "RT"
    row.access_expires_at, row.access_seconds = now + timedelta(days=7), 604_800
    row.refresh_expires_at, row.refresh_due_at = now + timedelta(days=300), now + timedelta(days=5)
    row.scopes = "user_info,merchant_item,merchant_order"
    row.save()
    SyncCursor.objects.create(store=store, watermark=now - timedelta(minutes=5), due_at=now)
    return store


@pytest.fixture
def shop(store: Store, platform: Platform) -> Store:
    return connect(store)


@pytest.fixture
def second(shop: Store, company: Company) -> Store:
    made = Store.objects.create(
        company=company, name="Kwai Dois", channel="kwai", lifecycle=StoreLifecycle.ACTIVE
    )
    return connect(made, "124")


def told(platform: Platform, settings: Any, table: dict[int, ResultMeaning]) -> None:
    settings.KWAI_RESULT_ROLES = {str(code): meaning.value for code, meaning in table.items()}
    platform.ok = next((code for code, meaning in table.items() if meaning is ResultMeaning.OK), 200)


def account(store: Store) -> KwaiAccount:
    return KwaiAccount.objects.get(pk=store.pk)


def queue_mode(store: Store) -> str:
    return StoreQueue.objects.filter(store=store).values_list("paused_mode", flat=True).first() or ""


def rests(store: Store) -> bool:
    return (
        StoreQueue.objects.filter(store=store, breaker_state=BreakerState.OPEN)
        .exclude(rest_reason="")
        .exists()
    )


@over
def test_a_read_pauses_what_the_code_says_and_nothing_else(
    shop: Store, platform: Platform, settings: Any, code: int, meaning: str, table: Any
) -> None:
    told(platform, settings, table)
    platform.results["listItem"] = code
    with pytest.raises(errors.KwaiError):
        client_for(shop.pk).list_items(page=1)
    everything = meaning in (*APP, ResultMeaning.SECRET_INVALID)
    assert ChannelPause.objects.filter(channel="kwai").exists() is everything
    assert account(shop).health == ENDS.get(meaning, ConnectionHealth.OK)
    assert queue_mode(shop) == ("credential" if meaning in ENDS else "")
    denied = {shop.pk: ["list_items"]} if meaning == ResultMeaning.PERMISSION_MISSING else {}
    assert calls_denied(store_ids=[shop.pk]) == denied
    # A code that nobody named rests the queue of pushes that meet it: an assumed read must not stop them.
    assert not rests(shop)
    renewed = meaning == ResultMeaning.TOKEN_INVALID
    assert platform.calls == Counter({"listItem": 2, "refreshToken": 1} if renewed else {"listItem": 1})


WAITS = {
    **dict.fromkeys((*APP, ResultMeaning.SECRET_INVALID, *ENDS, UNNAMED_ACCESS), WaitReason.QUEUE),
    ResultMeaning.TOKEN_INVALID: WaitReason.RETRY,
    ResultMeaning.PLATFORM_FAULT: WaitReason.RETRY,
    ResultMeaning.PERMISSION_MISSING: WaitReason.GRANT,
    ResultMeaning.RATE_LIMITED: WaitReason.LIMIT,
    ResultMeaning.QUOTA_SPENT: WaitReason.QUOTA,
}
BLOCKS = {
    ResultMeaning.REFUSED: FailureMode.REJECTED,
    ResultMeaning.NOT_FOUND: FailureMode.REJECTED,
    UNKNOWN: FailureMode.INTERNAL,
}


@pytest.fixture
def job(shop: Store, monkeypatch: pytest.MonkeyPatch) -> PushJob:
    def send(loaded: Any, context: AttemptContext) -> Sent:
        with calling(context) as client:
            client.update_stock(StockUpdate(item_id="1", sku_id="2", stock=3))
        return Sent()

    monkeypatch.setattr(handlers, "_handlers", {})
    handlers.register(
        Handler(
            kind="k", label="K", nature=Nature.FACT, call="update_stock", load=lambda job: job, send=send,
            record=lambda *_: None, is_satisfied=lambda *_: False,
        )
    )  # fmt: skip
    return ask(shop)


def ask(store: Store, subject: str = "1") -> PushJob:
    (result,) = facts_request(
        requests=[FactRequest(store_id=store.pk, kind="k", subject=subject, content="c")]
    )
    return PushJob.objects.get(pk=result.job_id)


def push(store: Store) -> bool:
    found = claim.claim_in_store(store_id=store.pk)
    if found is not None:
        drain.push(found)
    return found is not None


@over
def test_a_push_waits_or_stops_as_the_code_says(
    job: PushJob, shop: Store, platform: Platform, settings: Any, code: int, meaning: str, table: Any
) -> None:
    told(platform, settings, table)
    platform.results["updateStock"] = code
    assert push(shop)
    job.refresh_from_db()
    if meaning == ResultMeaning.ALREADY_DONE:
        assert job.state == JobState.DONE
    elif meaning in BLOCKS:
        assert (job.state, job.failure_mode) == (JobState.BLOCKED, BLOCKS[meaning])
    else:
        assert (job.state, job.waiting_for) == (JobState.PENDING, WAITS[meaning])
        assert str(code) in (job.last_code, job.last_error)
        counted = meaning in (ResultMeaning.TOKEN_INVALID, ResultMeaning.PLATFORM_FAULT)
        assert job.attempts == counted
    assert account(shop).health == ENDS.get(meaning, ConnectionHealth.OK)
    if meaning == UNNAMED_ACCESS:
        assert f"({code})" in StoreQueue.objects.get(store=shop).rest_reason


HELD = (ResultMeaning.RATE_LIMITED, ResultMeaning.QUOTA_SPENT)


@over
def test_a_renewal_ends_no_consent_but_for_what_the_contract_calls_the_end(
    shop: Store, platform: Platform, settings: Any, code: int, meaning: str, table: Any
) -> None:
    told(platform, settings, table)
    platform.results["refreshToken"] = code
    KwaiAccount.objects.update(refresh_due_at=Now())
    before = account(shop)
    assert account_refresh(store_id=shop.pk) is False
    after = account(shop)
    assert (after.access_token, after.refresh_token) == (before.access_token, before.refresh_token)
    ends = {**ENDS, ResultMeaning.TOKEN_INVALID: ConnectionHealth.EXPIRED}
    if meaning in ends:
        assert after.health == ends[meaning]
        return
    assert (after.health, queue_mode(shop)) == (ConnectionHealth.OK, "")
    assert after.lease_until is None
    assert ChannelPause.objects.exists() is (meaning in APP)
    assert OAuthPause.objects.exists() is (meaning == ResultMeaning.SECRET_INVALID)
    is_told = meaning not in (*APP, ResultMeaning.SECRET_INVALID, *HELD)
    assert bool(after.refresh_problem) is is_told
    assert (str(code) in after.refresh_problem) is (meaning in (UNKNOWN, UNNAMED_ACCESS))
    # Whatever it was, nobody asks again at once, and the store goes on with what it has.
    assert account_refresh(store_id=shop.pk) is False
    assert platform.calls["refreshToken"] == 1
    assert StoreTokens(shop.pk).current().access_token == "AT"


def test_a_renewal_is_tried_again_with_growing_delays_and_heals(shop: Store, platform: Platform) -> None:
    platform.results["refreshToken"] = 777
    KwaiAccount.objects.update(refresh_due_at=Now())
    waits = []
    for _ in range(len(RETRY_DELAYS) + 1):
        assert account_refresh(store_id=shop.pk) is False
        row = account(shop)
        assert row.refresh_retry_at is not None
        waits.append(round((row.refresh_retry_at - timezone.now()).total_seconds() / 60))
        assert list(accounts_to_refresh()) == []
        past = timezone.now() - timedelta(seconds=1)
        KwaiAccount.objects.update(refresh_retry_at=past, refresh_due_at=past)
    assert waits == [1, 5, 15, 60, 180, 360, 360]
    platform.results.clear()
    assert account_refresh(store_id=shop.pk) is True
    row = account(shop)
    assert (row.refresh_problem, row.refresh_failures, row.refresh_retry_at) == ("", 0, None)


@pytest.mark.parametrize("alive", [True, False])
def test_while_a_renewal_waits_the_access_token_is_used_as_long_as_it_lives(
    shop: Store, platform: Platform, alive: bool
) -> None:
    platform.results["refreshToken"] = 777
    left = timedelta(minutes=5 if alive else -5)
    KwaiAccount.objects.update(access_expires_at=timezone.now() + left)
    for _ in range(3):
        if alive:
            assert client_for(shop.pk).list_items(page=1).total == 0
        else:
            with pytest.raises(errors.RefreshOnHold) as waits:
                client_for(shop.pk).list_items(page=1)
            assert 0 < (waits.value.retry_after or 0) <= 60
    assert platform.calls["refreshToken"] == 1
    assert account(shop).health == ConnectionHealth.OK


LEFT_OUT = ("merchantId", "shopName", "refreshToken", "expiresIn", "refreshTokenExpiresIn", "scopes")


@pytest.mark.parametrize("value", [None, "", {}, [], 0, "0", "000", -1, 1.5, True])
def test_a_merchant_that_is_none_counts_as_left_out(shop: Store, platform: Platform, value: Any) -> None:
    platform.answers = {"merchantId": value}
    KwaiAccount.objects.update(refresh_due_at=Now())
    assert account_refresh(store_id=shop.pk) is True
    assert (account(shop).merchant_id, account(shop).health) == ("123", ConnectionHealth.OK)


@pytest.mark.parametrize("missing", [*LEFT_OUT, "all"])
@pytest.mark.parametrize("value", [None, "", {}])
def test_what_a_renewal_leaves_out_stays_as_it_was(
    shop: Store, platform: Platform, missing: str, value: Any
) -> None:
    platform.answers = dict.fromkeys(LEFT_OUT if missing == "all" else [missing], value)
    KwaiAccount.objects.update(refresh_due_at=Now())
    before = account(shop)
    assert account_refresh(store_id=shop.pk) is True
    after = account(shop)
    assert after.access_token != before.access_token
    assert after.access_seconds == pytest.approx(before.access_seconds, abs=1)
    kept = ("merchant_id", "shop_name", "scopes")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert (after.refresh_token == before.refresh_token) is (missing in ("refreshToken", "all"))
    if missing in ("refreshTokenExpiresIn", "all"):
        assert after.refresh_expires_at == before.refresh_expires_at
    assert after.access_expires_at is not None
    assert timedelta(days=6) < after.access_expires_at - timezone.now() <= timedelta(days=7)


def test_a_renewal_of_another_merchant_is_refused(shop: Store, platform: Platform) -> None:
    platform.answers = {"merchantId": 999}
    KwaiAccount.objects.update(refresh_due_at=Now())
    assert account_refresh(store_id=shop.pk) is False
    assert (account(shop).merchant_id, account(shop).health) == ("123", ConnectionHealth.EXPIRED)


# --- everything pauses, one probe resumes


def probe_due() -> None:
    ChannelPause.objects.update(lease_until=clock.after(timedelta(seconds=-1)))


@pytest.fixture(params=[code for code, row in RESULTS.items() if row.meaning in APP])
def paused(request: pytest.FixtureRequest, shop: Store, second: Store, platform: Platform) -> int:
    platform.results["*"] = request.param
    SyncCursor.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert store_poll(shop.pk) is not None
    return int(request.param)


def test_polls_messages_and_pushes_of_every_store_wait_for_the_probe(
    paused: int, job: PushJob, shop: Store, second: Store, platform: Platform
) -> None:
    other = ask(second)
    InboundEvent.objects.create(store=second, event_id="e1", event="order_paid", subject="900", payload="{}")
    SyncCursor.objects.revoke(due_at=timezone.now() - timedelta(seconds=1))
    KwaiAccount.objects.update(refresh_due_at=Now())
    platform.calls.clear()
    assert (plan.stores_to_poll(), events.stores_with_events(), list(accounts_to_refresh())) == ([], [], [])
    for store in (shop, second):
        assert store_poll(store.pk) is None
        assert events.events_fetch(store.pk) is False
        assert push(store) is False
        assert account_refresh(store_id=store.pk) is False
        with pytest.raises(errors.AppPaused):
            client_for(store.pk).list_items(page=1)
    assert probe.app_probe() is False
    assert platform.calls == Counter()
    # Still refused: one read for both stores, and a minute until the next.
    probe_due()
    assert [probe.app_probe() for _ in range(3)] == [False] * 3
    assert platform.calls == Counter({"queryOrderList": 1})
    probe_due()
    platform.results.clear()
    assert probe.app_probe() is True
    assert set(plan.stores_to_poll()) == {shop.pk, second.pk}
    assert events.stores_with_events() == [second.pk]
    assert [push(store) for store in (shop, second)] == [True, True]
    for each in (job, other):
        each.refresh_from_db()
        assert each.state == JobState.DONE
    assert set(KwaiAccount.objects.values_list("health", flat=True)) == {ConnectionHealth.OK}


def test_a_probe_whose_worker_died_leaves_its_turn_to_the_next_minute(
    paused: int, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    probe_due()
    with monkeypatch.context() as patch:
        patch.setattr("kwai_integration.client.transport.send", die)
        with pytest.raises(Killed):
            probe.app_probe()
    platform.results.clear()
    assert probe.app_probe() is False
    probe_due()
    assert probe.app_probe() is True


@pytest.mark.parametrize("meaning", [meaning for meaning in ResultMeaning if meaning is not ResultMeaning.OK])
def test_a_probe_that_meets_another_refusal_proves_that_the_application_is_accepted(
    shop: Store, platform: Platform, meaning: ResultMeaning
) -> None:
    platform.results["*"] = 443
    with pytest.raises(errors.SignatureInvalid):
        client_for(shop.pk).list_items(page=1)
    code = next(row.code for row in RESULTS.values() if row.meaning is meaning)
    platform.results = {"queryOrderList": code}
    probe_due()
    unproven = (*APP, ResultMeaning.SECRET_INVALID, ResultMeaning.PLATFORM_FAULT)
    assert probe.app_probe() is (meaning not in unproven)


@pytest.mark.parametrize("meaning", [ResultMeaning.QUOTA_SPENT, ResultMeaning.PERMISSION_MISSING])
def test_the_probe_asks_whatever_we_remember_of_its_call(
    shop: Store, platform: Platform, meaning: ResultMeaning
) -> None:
    """The call of the probe was closed for a day or an hour before everything paused."""
    platform.results["queryOrderList"] = next(row.code for row in RESULTS.values() if row.meaning is meaning)
    SyncCursor.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    store_poll(shop.pk)
    platform.results["listItem"] = 442
    with pytest.raises(errors.ClockWrong):
        client_for(shop.pk).list_items(page=1)
    platform.results.clear()
    platform.calls.clear()
    probe_due()
    assert probe.app_probe() is True
    assert platform.calls == Counter({"queryOrderList": 1})
    # Everybody else still keeps to what the platform said of this call.
    now = timezone.now()
    with pytest.raises((errors.KwaiQuotaSpent, errors.PermissionMissing)):
        client_for(shop.pk).list_orders(time_from=now - timedelta(minutes=1), time_to=now, page=1)


def test_the_tick_wakes_for_the_probe_when_it_is_due(
    paused: int, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: heard.append(task))
    for is_due in (False, True):
        if is_due:
            probe_due()
        heard.clear()
        with django_capture_on_commit_callbacks(execute=True):
            tasks.plan()
        assert (tasks.app_probe.name in heard) is is_due


def test_what_one_store_alone_cannot_read_does_not_keep_the_others_paused(
    paused: int, shop: Store, second: Store, platform: Platform
) -> None:
    """The probe asks in the name of another store each time."""
    past = timezone.now() - timedelta(minutes=1)
    KwaiAccount.objects.filter(pk=shop.pk).update(
        access_expires_at=past, refresh_retry_at=timezone.now() + timedelta(hours=5)
    )
    platform.results.clear()
    for _ in range(200):
        probe_due()
        if probe.app_probe():
            break
    assert not ChannelPause.objects.exists()


# --- the application's secret


@pytest.fixture
def secret_refused(shop: Store, second: Store, platform: Platform) -> None:
    platform.results["refreshToken"] = platform.results["token"] = 441
    KwaiAccount.objects.update(refresh_due_at=Now())
    assert account_refresh(store_id=shop.pk) is False


def test_a_refused_secret_holds_renewals_and_consents_of_all_stores_and_nothing_else(
    secret_refused: None, shop: Store, second: Store, admin: User, platform: Platform
) -> None:
    assert account_refresh(store_id=second.pk) is False
    with pytest.raises(ConsentRefused, match="KWAI_APP_SECRET"):
        consent_start(store=shop, user=admin, session_key="s")
    assert platform.calls["refreshToken"] == 1
    assert list(accounts_to_refresh()) == []
    for store in (shop, second):
        assert client_for(store.pk).list_items(page=1).total == 0
    assert not ChannelPause.objects.exists()


def test_the_next_renewal_after_growing_delays_is_the_probe_of_all(
    secret_refused: None, shop: Store, second: Store, platform: Platform
) -> None:
    waits = []
    for asked in range(2, 8):
        OAuthPause.objects.update(retry_at=clock.after(timedelta(seconds=-1)))
        for store in (shop, second):
            assert account_refresh(store_id=store.pk) is False
        assert platform.calls["refreshToken"] == asked
        pause = OAuthPause.objects.get()
        waits.append(round((pause.retry_at - timezone.now()).total_seconds() / 60))
    assert waits == [5, 15, 30, 60, 60, 60]
    platform.results.clear()
    platform.answers = {"merchantId": None}
    OAuthPause.objects.update(retry_at=clock.after(timedelta(seconds=-1)))
    assert [account_refresh(store_id=store.pk) for store in (second, shop)] == [True, True]
    assert not OAuthPause.objects.exists()


def test_a_corrected_secret_is_tried_at_once(
    secret_refused: None, shop: Store, platform: Platform, settings: Any
) -> None:
    platform.results.clear()
    assert account_refresh(store_id=shop.pk) is False
    settings.KWAI_APP_SECRET = "corrected"
    assert account_refresh(store_id=shop.pk) is True
    assert not OAuthPause.objects.exists()


def test_a_consent_that_meets_the_refused_secret_names_it(
    shop: Store, admin: User, platform: Platform
) -> None:
    url = consent_start(store=shop, user=admin, session_key="s")
    status = dict(pair.split("=", 1) for pair in url.partition("?")[2].split("&"))["status"]
    platform.results["token"] = 441
    with pytest.raises(ConsentRefused, match="KWAI_APP_SECRET"):
        consent_finish(status=status, code="c", user=admin, session_key="s")
    assert OAuthPause.objects.exists()


# --- the end of a pause of one store


def test_a_push_that_was_not_granted_goes_out_after_the_new_consent(
    job: PushJob, shop: Store, admin: User, platform: Platform
) -> None:
    platform.results["updateStock"] = 446
    assert push(shop)
    assert push(shop) is False
    # Other calls of the store go on.
    assert client_for(shop.pk).list_items(page=1).total == 0
    with pytest.raises(errors.PermissionMissing):
        client_for(shop.pk).update_stock(StockUpdate("1", "2", 3))
    assert platform.calls["updateStock"] == 1
    platform.results.clear()
    url = consent_start(store=shop, user=admin, session_key="s")
    status = dict(pair.split("=", 1) for pair in url.partition("?")[2].split("&"))["status"]
    consent_finish(status=status, code="c", user=admin, session_key="s")
    assert calls_denied(store_ids=[shop.pk]) == {}
    assert push(shop)
    job.refresh_from_db()
    assert job.state == JobState.DONE


def test_a_push_that_was_not_granted_is_tried_again_by_itself_each_hour(
    job: PushJob, shop: Store, platform: Platform
) -> None:
    platform.results["updateStock"] = 446
    assert push(shop)
    job.refresh_from_db()
    assert timedelta(minutes=59) < job.not_before - timezone.now() <= timedelta(hours=1)


def test_the_queue_of_an_unnamed_code_goes_on_after_one_push(
    job: PushJob, shop: Store, platform: Platform
) -> None:
    platform.results["updateStock"] = 448
    others = [ask(shop, subject=str(number)) for number in range(2, 5)]
    assert push(shop)
    assert push(shop) is False
    StoreQueue.objects.update(reopen_at=clock.after(timedelta(seconds=-1)))
    platform.results.clear()
    while push(shop):
        pass
    for each in (job, *others):
        each.refresh_from_db()
        assert each.state == JobState.DONE


JUNK: dict[str, Any] = {"null": None, "list": [], "text": "ok", "no token": {"merchantId": 123}}


@pytest.mark.parametrize("kind", JUNK)
def test_two_lost_renewals_ask_for_a_consent_and_stop_nothing_while_the_access_lives(
    shop: Store, platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str, job: PushJob
) -> None:
    """Tried once more and only once (contract 2); what still opens the door is used until it ends."""
    monkeypatch.setattr(platform, "_data", lambda name: JUNK[kind] if name == "refreshToken" else {})
    for _ in range(4):
        KwaiAccount.objects.update(refresh_due_at=Now())
        account_refresh(store_id=shop.pk)
        lease_over()
    row = account(shop)
    assert platform.calls["refreshToken"] == 2
    assert (row.health, row.asks_consent, queue_mode(shop)) == (ConnectionHealth.OK, True, "")
    assert StoreTokens(shop.pk).current().access_token == "AT"
    assert push(shop)
    job.refresh_from_db()
    assert job.state == JobState.DONE
    # Also in the last minutes, when a call would renew the pair first.
    KwaiAccount.objects.update(access_expires_at=timezone.now() + timedelta(minutes=1))
    assert StoreTokens(shop.pk).current().access_token == "AT"
    assert list(accounts_to_refresh()) == []
    KwaiAccount.objects.update(access_expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotConnected):
        StoreTokens(shop.pk).current()
    assert (account(shop).health, platform.calls["refreshToken"]) == (ConnectionHealth.EXPIRED, 2)


def lease_over() -> None:
    leased = KwaiAccount.objects.exclude(lease_until=None)
    leased.update(lease_until=clock.after(timedelta(seconds=-1)))


def test_the_end_is_noticed_by_itself_when_the_access_ends(shop: Store, platform: Platform) -> None:
    platform.answers = {"accessToken": None}
    for _ in range(3):
        KwaiAccount.objects.update(refresh_due_at=Now())
        account_refresh(store_id=shop.pk)
        lease_over()
    row = account(shop)
    assert row.refresh_due_at == row.access_expires_at
    past = timezone.now() - timedelta(seconds=1)
    KwaiAccount.objects.update(access_expires_at=past, refresh_due_at=past)
    assert account_refresh(store_id=shop.pk) is False
    assert account(shop).health == ConnectionHealth.EXPIRED


def test_a_lost_renewal_of_a_token_the_platform_refuses_ends_the_consent(
    shop: Store, platform: Platform
) -> None:
    """Our clock says that it lives; Kwai knows better."""
    platform.answers = {"accessToken": None}
    for _ in range(3):
        KwaiAccount.objects.update(refresh_due_at=Now())
        account_refresh(store_id=shop.pk)
        lease_over()
    platform.results["listItem"] = 444
    with pytest.raises(NotConnected):
        client_for(shop.pk).list_items(page=1)
    assert account(shop).health == ConnectionHealth.EXPIRED


def test_a_notice_asks_for_the_consent_before_anything_stops(
    shop: Store, platform: Platform, admin: User, sign_in: Any
) -> None:
    platform.answers = {"accessToken": None}
    for _ in range(3):
        KwaiAccount.objects.update(refresh_due_at=Now())
        account_refresh(store_id=shop.pk)
        lease_over()
    home = sign_in(admin).get(reverse("web:home")).content.decode()
    assert f"{shop.name}: {account(shop).refresh_problem}" in home
    assert reverse("kwai:reauthorise", args=[shop.pk]) in home
    assert "tenta de novo sozinho" not in home


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.KWAI_STORE_RATE = settings.KWAI_APP_RATE = 100_000
