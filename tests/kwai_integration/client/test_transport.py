"""One call against a real HTTP server that answers anything a platform, a gateway or a proxy may answer."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from kwai_integration.client import transport
from kwai_integration.client.signing import signature
from kwai_integration.wire import errors
from kwai_integration.wire.codes import ResultMeaning
from kwai_integration.wire.types import KwaiCredentials
from tests.kwai_integration.client.fakes import APP_SECRET, NOW_MS, SIGN_SECRET, TOKEN, config

CREDENTIALS = KwaiCredentials("123", TOKEN)


def send(server: HTTPServer, name: str = "list_orders", **changes) -> transport.KwaiReply:
    configuration = config(server.url_for("").rstrip("/"))
    values = {"credentials": CREDENTIALS, "clock": lambda: NOW_MS, "payload": {"page": 1}, **changes}
    return transport.send(configuration, configuration.endpoints[name], **values)


def answers(server: HTTPServer, body: bytes | str | dict, status: int = 200, **headers: str) -> None:
    data = json.dumps(body) if isinstance(body, dict) else body
    for path in ("/rest/open/api/trade/queryOrderList", "/rest/open/api/trade/merchant/shipOrder"):
        server.expect_request(path).respond_with_data(data, status=status, headers=headers)


def refused(server: HTTPServer, kind: type[errors.KwaiError], name: str = "list_orders") -> errors.KwaiError:
    with pytest.raises(errors.KwaiError) as caught:
        send(server, name)
    assert type(caught.value) is kind
    assert caught.value.call == name
    return caught.value


def test_query_is_the_contracts_vector(httpserver: HTTPServer):
    answers(httpserver, {"result": 200, "message": "ok", "data": {"total": 0}})
    reply = send(httpserver)
    assert reply.data == {"total": 0}
    request, _ = httpserver.log[0]
    assert dict(request.args) == {
        "appKey": "ks700000000000000001",
        "merchantId": "123",
        "ts": "1767312000123",
        "version": "1.0",
        "accessToken": TOKEN,
        "sign": "92ff5992d210628d92cc3e425bae78087caf78befc66effda65d55b93901e190",
    }
    assert request.get_json() == {"page": 1}
    assert request.headers["Content-Type"].startswith("application/json")


def test_values_travel_encoded_and_are_signed_decoded(httpserver: HTTPServer):
    httpserver.expect_request("/rest/open/api/product/getSkuList").respond_with_json({"result": 200})
    send(httpserver, "sku_list", params={"itemId": "a b&ç"}, payload=None)
    request, _ = httpserver.log[0]
    assert request.args["itemId"] == "a b&ç"
    assert b"a+b%26%C3%A7" in request.query_string or b"a%20b%26%C3%A7" in request.query_string
    sent = dict(request.args)
    sign = sent.pop("sign")
    assert sign == signature(path=request.path, params=sent, secret=SIGN_SECRET)


def test_oauth_is_not_signed_and_carries_no_store(httpserver: HTTPServer):
    httpserver.expect_request("/rest/open/api/oauth2/token").respond_with_json({"result": 200, "data": {}})
    send(httpserver, "oauth_token", params={"appKey": "k", "code": "c"}, payload=None, credentials=None)
    assert dict(httpserver.log[0][0].args) == {"appKey": "k", "code": "c"}


def test_a_signed_call_without_a_store_is_a_programming_error(httpserver: HTTPServer):
    with pytest.raises(TypeError):
        send(httpserver, credentials=None)


class Dated(ThreadingHTTPServer):
    """Answers `result` under the `Date` it was told, or none; other test servers write their own."""

    daemon_threads = True
    date: str | None = None
    result = 442

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: Dated

    def do_POST(self) -> None:
        body = json.dumps({"result": self.server.result}).encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        if self.server.date is not None:
            self.send_header("Date", self.server.date)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def dated() -> Iterator[Dated]:
    with Dated(("127.0.0.1", 0), _Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (401, errors.TokenExpired),
        (402, errors.ConsentRevoked),
        (403, errors.PermissionMissing),
        (404, errors.NotFound),
        (409, errors.KwaiAlreadyDone),
        (422, errors.BusinessRefused),
        (429, errors.RateLimited),
        (430, errors.KwaiQuotaSpent),
        (440, errors.AppInvalid),
        (441, errors.SecretInvalid),
        (442, errors.ClockWrong),
        (443, errors.SignatureInvalid),
        (444, errors.TokenExpired),
        (445, errors.MerchantInvalid),
        (446, errors.PermissionMissing),
        (447, errors.AppInvalid),
        (448, errors.KwaiAccessUnclear),
        (449, errors.KwaiAccessUnclear),
        (450, errors.UnknownResult),
        (500, errors.PlatformFault),
        (503, errors.PlatformFault),
        (1, errors.UnknownResult),
        (0, errors.UnknownResult),
        (-1, errors.UnknownResult),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_each_result_has_its_error(httpserver: HTTPServer, result, kind, status):
    answers(httpserver, {"result": result, "message": "motivo"}, status=status)
    error = refused(httpserver, kind, "ship_order")
    assert (error.code, error.text, error.http_status, error.write) == (result, "motivo", status, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b'{"result": 200, "data": {"tot',
        b"[]",
        b"null",
        b"200",
        b"{}",
        b'{"result": "200"}',
        b'{"result": true}',
        b'{"result": 200.0}',
        b'{"result": null, "data": {}}',
        b'{"result": 200, "data": NaN}',
        b'{"result": 200, "data": 1e999}',
        b'{"result": 200, "data": "\xff\xfe"}',
        b'{"result": 200, "data": ' + b"[" * 70 + b"]" * 70 + b"}",
        b'{"result": 200, "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"result": 200, "data": ' + b"1" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize(("name", "is_write"), [("list_orders", False), ("ship_order", True)])
def test_anything_but_a_readable_envelope_leaves_the_outcome_unknown(
    httpserver: HTTPServer, body, name, is_write
):
    answers(httpserver, body)
    assert refused(httpserver, errors.KwaiOutcomeUnknown, name).write is is_write


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_error_is_unknown_whatever_it_says(httpserver: HTTPServer, status):
    answers(httpserver, {"result": 422, "message": "x"}, status=status)
    assert refused(httpserver, errors.KwaiOutcomeUnknown, "ship_order").http_status == status


@pytest.mark.parametrize("status", [201, 202, 400, 404])
def test_success_counts_on_http_200_only(httpserver: HTTPServer, status):
    answers(httpserver, {"result": 200}, status=status)
    refused(httpserver, errors.KwaiOutcomeUnknown, "ship_order")


def test_redirect_is_unknown(httpserver: HTTPServer):
    answers(httpserver, b"", status=302, Location="/elsewhere")
    refused(httpserver, errors.KwaiOutcomeUnknown, "ship_order")


def test_limit_of_a_gateway_is_believed_for_reads_only(httpserver: HTTPServer):
    answers(httpserver, b"slow down", status=429, **{"Retry-After": "7"})
    assert refused(httpserver, errors.RateLimited).retry_after == 7
    assert refused(httpserver, errors.KwaiOutcomeUnknown, "ship_order").retry_after == 7


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        (3, 3), (1.5, 1.5), ("4", 4), (None, None), (-1, None), (10**9, None),
        (7200, 3600), (True, None), ("soon", None), ([1], None), ("nan", None), ("inf", None), (10**400, None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_nothing(httpserver: HTTPServer, stated, seconds):
    answers(httpserver, {"result": 429, "data": {"retryAfter": stated}})
    assert refused(httpserver, errors.RateLimited).retry_after == seconds


def test_every_meaning_but_ok_has_an_error():
    assert set(transport.MEANING_ERRORS) == set(ResultMeaning) - {ResultMeaning.OK}


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (86_400, "está 24 h adiantado"),
        (-86_400, "está 24 h atrasado"),
        (370, "está 6 min e 10 s adiantado"),
        (200_000, "está 2 dias e 7 h adiantado"),
        (0, "não confere com o do Kwai"),
    ],
)
def test_a_wrong_clock_is_told_by_the_date_of_the_answer(dated: Dated, ahead, words):
    dated.date = format_datetime(datetime.fromtimestamp(NOW_MS // 1000 - ahead, UTC), usegmt=True)
    error = clock_refused(dated)
    assert error.ahead == pytest.approx(ahead, abs=1)
    assert "relógio do servidor" in str(error)
    assert words in str(error)


@pytest.mark.parametrize("date", [None, "soon", "", "Mon, 99 Jan 2026 00:00:00 GMT"])
def test_a_wrong_clock_without_a_date_says_so_without_a_figure(dated: Dated, date):
    dated.date = date
    error = clock_refused(dated)
    assert error.ahead is None
    assert "relógio do servidor do ERP não confere" in str(error)


def test_an_answer_tells_the_platforms_clock(dated: Dated):
    dated.date, dated.result = "Thu, 01 Jan 2026 12:00:00 GMT", 200
    configuration = config(dated.url)
    reply = transport.send(
        configuration, configuration.endpoints["list_orders"], credentials=CREDENTIALS, clock=lambda: NOW_MS
    )
    assert reply.answered_at == datetime(2026, 1, 1, 12, tzinfo=UTC)


def clock_refused(dated: Dated) -> errors.ClockWrong:
    configuration = config(dated.url)
    with pytest.raises(errors.ClockWrong) as caught:
        transport.send(
            configuration,
            configuration.endpoints["list_orders"],
            credentials=CREDENTIALS,
            clock=lambda: NOW_MS,
        )
    return caught.value


def test_nothing_was_sent_when_nobody_listens():
    closed = config("http://127.0.0.1:9")
    with pytest.raises(errors.ConnectionFailed) as caught:
        transport.send(closed, closed.endpoints["ship_order"], credentials=CREDENTIALS, clock=lambda: NOW_MS)
    assert caught.value.write is True


def test_secrets_and_control_characters_never_reach_the_text(httpserver: HTTPServer, caplog):
    caplog.set_level(logging.DEBUG)
    message = f"token {TOKEN} secret {SIGN_SECRET} app {APP_SECRET} \x00 " + "x" * 1000
    answers(httpserver, {"result": 422, "message": message})
    error = refused(httpserver, errors.BusinessRefused)
    assert error.text.startswith("token *** secret *** app *** xxx")
    assert len(error.text) == 500
    assert error.__cause__ is None
    assert error.__context__ is None
    ours = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    assert not any(TOKEN in text for text in ours)


def test_a_secret_is_hidden_even_where_the_text_is_cut(httpserver: HTTPServer):
    answers(httpserver, {"result": 422, "message": "x" * 495 + TOKEN})
    assert "AT_" not in refused(httpserver, errors.BusinessRefused).text


@pytest.mark.parametrize("message", [None, 5, ["a"], {"a": 1}])
def test_message_of_another_type_is_left_out(httpserver: HTTPServer, message):
    answers(httpserver, {"result": 422, "message": message})
    assert refused(httpserver, errors.BusinessRefused).text == ""


def test_config_and_credentials_never_show_secrets():
    shown = repr(config()) + repr(CREDENTIALS)
    assert not any(secret in shown for secret in (APP_SECRET, SIGN_SECRET, TOKEN))


def test_json_is_read_exactly():
    body = b'\xef\xbb\xbf{"id": 9223372036854775807, "big": 123456789012345678901234567890, "a": 1, "a": 2}'
    assert transport.decoded(body) == {"id": 2**63 - 1, "big": 123456789012345678901234567890, "a": 2}


def test_the_deepest_readable_nesting():
    at_limit = b"[" * 65 + b"]" * 65
    assert transport.decoded(at_limit)
    with pytest.raises(ValueError, match="nested"):
        transport.decoded(b"[" + at_limit + b"]")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused(body):
    with suppress(ValueError):
        transport.decoded(body)
