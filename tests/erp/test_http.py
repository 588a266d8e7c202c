"""The outgoing door against real sockets: servers that drip, hang up, redirect and inflate."""

from __future__ import annotations

import gzip
import logging
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.db import connection, transaction
from pytest_httpserver import HTTPServer
from werkzeug import Response

from erp import http
from erp.http import Limits, addresses, connections

SHORT = Limits(connect=0.5, read=0.4, total=1.0)
SECRET = "AT_very_secret_0001"


@contextmanager
def raw_server(serve: Callable[[socket.socket], None], connections: int = 1) -> Iterator[str]:
    """A server that runs `serve` on each accepted connection and then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(1)

    def run() -> None:
        for _ in range(connections):
            with suppress(OSError):
                peer, _ = listener.accept()
                with peer, suppress(OSError):
                    serve(peer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.close()
        thread.join(timeout=60)


def read_request(peer: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.recv(65536)
    return data


def answering(*parts: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def serve(peer: socket.socket) -> None:
        read_request(peer)
        for part in parts:
            peer.sendall(part)
            time.sleep(pause)

    return serve


def timed(call: Callable[[], object]) -> tuple[BaseException | None, float]:
    started = time.monotonic()
    try:
        call()
    except http.HttpError as error:
        return error, time.monotonic() - started
    return None, time.monotonic() - started


def test_answer_has_status_headers_and_body(httpserver: HTTPServer):
    httpserver.expect_request("/a", method="POST", query_string={"q": "a b"}).respond_with_data(
        b"hello", status=418, headers={"X-Kind": "tea"}
    )
    answer = http.call("POST", httpserver.url_for("/a"), params={"q": "a b"}, body=b"payload")
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"hello", "tea")
    request, _ = httpserver.log[0]
    assert request.get_data() == b"payload"
    assert request.headers["User-Agent"] == "self-hosted-erp"


def test_gzip_answers_are_decoded(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data(
        gzip.compress(b"x" * 1000), headers={"Content-Encoding": "gzip"}
    )
    assert http.call("GET", httpserver.url_for("/")).body == b"x" * 1000


def test_no_cookie_is_kept(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data(b"", headers={"Set-Cookie": "session=1"})
    http.call("GET", httpserver.url_for("/"))
    http.call("GET", httpserver.url_for("/"))
    assert all("Cookie" not in request.headers for request, _ in httpserver.log)


def test_environment_proxies_and_netrc_are_ignored(httpserver: HTTPServer, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    httpserver.expect_request("/").respond_with_data(b"ok")
    assert http.call("GET", httpserver.url_for("/")).body == b"ok"
    assert "Authorization" not in httpserver.log[0][0].headers


def test_connection_refused_means_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(http.RequestNotSent):
        http.call("GET", f"http://127.0.0.1:{port}/")


def test_unknown_host_means_nothing_was_sent():
    with pytest.raises(http.RequestNotSent):
        http.call("GET", "http://no-such-host.invalid/", limits=SHORT)


def test_slow_resolver_is_given_up_within_the_connect_time(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(3) or [])
    error, seconds = timed(lambda: http.call("GET", "http://slow-resolver.test/", limits=SHORT))
    assert isinstance(error, http.RequestNotSent)
    assert seconds < 1.5


def test_failed_tls_handshake_means_nothing_was_sent():
    with (
        raw_server(lambda peer: peer.sendall(b"this is no TLS\r\n\r\n")) as url,
        pytest.raises(http.RequestNotSent),
    ):
        http.call("GET", url.replace("http://", "https://"), limits=SHORT)


def test_server_that_hangs_up_after_the_request_leaves_the_outcome_unknown():
    seen: list[bytes] = []
    with raw_server(lambda peer: seen.append(read_request(peer)), connections=3) as url:
        with pytest.raises(http.RequestOutcomeUnknown) as caught:
            http.call("POST", url, body=b"x")
        time.sleep(0.2)
    assert not isinstance(caught.value, http.DeadlineExceeded)
    assert len(seen) == 1, "a request must never be repeated here"


def test_get_is_not_repeated_either():
    seen: list[bytes] = []
    with raw_server(lambda peer: seen.append(read_request(peer)), connections=3) as url:
        with pytest.raises(http.RequestOutcomeUnknown):
            http.call("GET", url)
        time.sleep(0.2)
    assert len(seen) == 1


def test_silent_server_is_given_up_after_the_read_time():
    def serve(peer: socket.socket) -> None:
        read_request(peer)
        time.sleep(1.5)

    with raw_server(serve) as url:
        error, seconds = timed(lambda: http.call("GET", url, limits=SHORT))
    assert isinstance(error, http.DeadlineExceeded)
    assert 0.3 < seconds < 0.9


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 100],
        [bytes([letter]) for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 100],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 100,
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 100],
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", *[b"x"] * 100],
    ],
    ids=["body", "headers", "continues", "chunks", "endless"],
)
def test_a_dripping_answer_ends_at_the_total_deadline(parts):
    """Each part comes well within the read time; only the total deadline can end this."""
    with raw_server(answering(*parts, pause=0.1)) as url:
        error, seconds = timed(lambda: http.call("GET", url, limits=SHORT))
    assert isinstance(error, http.DeadlineExceeded)
    assert 0.9 < seconds < 1.6


def test_a_receiver_that_does_not_read_cannot_hold_the_call():
    with raw_server(lambda peer: time.sleep(2)) as url:
        error, seconds = timed(lambda: http.call("POST", url, body=b"x" * 50_000_000, limits=SHORT))
    assert isinstance(error, http.RequestOutcomeUnknown)
    assert seconds < 1.8


def test_truncated_body_leaves_the_outcome_unknown():
    half = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    with raw_server(half) as url, pytest.raises(http.RequestOutcomeUnknown):
        http.call("GET", url)


@pytest.mark.parametrize("head", [b"this is not http\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b""])
def test_garbage_leaves_the_outcome_unknown(head):
    with raw_server(answering(head)) as url, pytest.raises(http.RequestOutcomeUnknown):
        http.call("GET", url)


def test_body_beyond_the_limit_is_dropped(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data(b"x" * 2000)
    assert len(http.call("GET", httpserver.url_for("/"), limits=Limits(max_bytes=2000)).body) == 2000
    with pytest.raises(http.AnswerTooLarge):
        http.call("GET", httpserver.url_for("/"), limits=Limits(max_bytes=1999))


def test_gzip_bomb_is_stopped_while_it_inflates(httpserver: HTTPServer):
    inflated = 400 * 1024 * 1024
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = (
        b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(inflated // (1024 * 1024)))
        + packer.flush()
    )
    httpserver.expect_request("/").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    before = _peak_memory()
    with pytest.raises(http.AnswerTooLarge):
        http.call("GET", httpserver.url_for("/"))
    assert _peak_memory() - before < 150 * 1024 * 1024


def test_endless_chunk_line_is_counted_on_the_wire():
    """A chunk size that never ends is no body yet, but it must not fill the memory."""

    def serve(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(200):
            peer.sendall(b"0" * 65536)

    with raw_server(serve) as url, pytest.raises(http.RequestOutcomeUnknown):
        http.call("GET", url, limits=Limits(max_bytes=1000))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A self-signed certificate for `localhost` with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(built.public_bytes(Encoding.PEM) + secret)
    return path


def over_tls(certificate: Path, serve: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def run(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as secured:
            serve(secured)

    return run


@pytest.fixture
def trusted(certificate: Path, monkeypatch) -> None:
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))


def tls_address(url: str) -> str:
    return url.replace("http://127.0.0.1", "https://localhost")


def test_unknown_certificate_means_nothing_was_sent(certificate):
    seen: list[bytes] = []
    serve = over_tls(certificate, lambda peer: seen.append(read_request(peer)))
    with raw_server(serve) as url, pytest.raises(http.RequestNotSent):
        http.call("GET", tls_address(url), limits=SHORT)
    assert seen == []


@pytest.mark.usefixtures("trusted")
def test_trusted_tls_answer_is_read(certificate):
    serve = over_tls(certificate, answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    with raw_server(serve) as url:
        assert http.call("GET", tls_address(url)).body == b"ok"


@pytest.mark.usefixtures("trusted")
def test_dripping_answer_over_tls_ends_at_the_total_deadline(certificate):
    parts = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 100]
    with raw_server(over_tls(certificate, answering(*parts, pause=0.1))) as url:
        error, seconds = timed(lambda: http.call("GET", tls_address(url), limits=SHORT))
    assert isinstance(error, http.DeadlineExceeded)
    assert 0.9 < seconds < 1.6


@pytest.mark.usefixtures("trusted")
def test_receiver_that_does_not_read_over_tls_cannot_hold_the_call(certificate):
    with raw_server(over_tls(certificate, lambda peer: time.sleep(2))) as url:
        error, seconds = timed(
            lambda: http.call("POST", tls_address(url), body=b"x" * 50_000_000, limits=SHORT)
        )
    assert isinstance(error, http.RequestOutcomeUnknown)
    assert seconds < 1.8


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_refused(httpserver: HTTPServer, status):
    httpserver.expect_request("/").respond_with_data(b"", status=status, headers={"Location": "/other"})
    httpserver.expect_request("/other").respond_with_data(b"never")
    with pytest.raises(http.RedirectRefused):
        http.call("GET", httpserver.url_for("/"))
    assert len(httpserver.log) == 1


def test_body_of_a_redirect_is_not_read():
    parts = [b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 1000\r\n\r\n"]

    def serve(peer: socket.socket) -> None:
        answering(*parts)(peer)
        time.sleep(1)

    with raw_server(serve) as url:
        error, seconds = timed(lambda: http.call("GET", url))
    assert isinstance(error, http.RedirectRefused)
    assert seconds < 0.5


def test_connections_are_reused_and_a_dropped_one_is_replaced():
    accepted = 0
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        nonlocal accepted
        for _ in range(2):
            peer, _ = listener.accept()
            accepted += 1
            with peer:
                for _ in range(3):
                    read_request(peer)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    bodies = [http.call("GET", url).body for _ in range(3)]
    assert accepted == 1
    time.sleep(0.1)
    bodies += [http.call("GET", url).body for _ in range(3)]
    thread.join(timeout=60)
    listener.close()
    assert bodies == [b"ok"] * 6
    assert accepted == 2


def test_threads_do_not_mix_their_answers(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_handler(
        lambda request: Response(request.args["n"].encode() * 2000)
    )

    def fetch(number: int) -> bool:
        answer = http.call("GET", httpserver.url_for("/"), params={"n": str(number)})
        return answer.body == str(number).encode() * 2000

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fetch, range(100)))


def test_forked_process_opens_its_own_connections():
    adapter = connections.adapter(False)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        own = connections.adapter(False) is not adapter
        os.write(writer, b"1" if own else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1) == b"1"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/x",
        "host/x",
        "http://",
        "https://user:pw@host/",
        "http://[::1",
        "http://h:99999/",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("guarded", [True, False])
def test_addresses_that_are_none_are_refused(url, guarded):
    with pytest.raises(http.AddressRefused):
        http.call("GET", url, guarded=guarded)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[2001:0:808:808::f7f7:f7f7]", "224.0.0.1", "2130706433", "0x7f.1", "127.1",
    ],
)  # fmt: skip
def test_guarded_calls_never_reach_inside(host):
    with pytest.raises(http.AddressRefused, match="rede interna"):
        http.call("GET", f"http://{host}:9/", guarded=True, limits=SHORT)


def test_guarded_call_refuses_a_name_with_one_private_address(monkeypatch):
    both = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
    with pytest.raises(http.AddressRefused):
        http.call("GET", "http://rebinding.test/", guarded=True)


def test_guarded_call_connects_to_the_address_that_was_checked(httpserver: HTTPServer, monkeypatch):
    """One resolution only: a name server that changes its answer afterwards is not asked again."""
    lookups: list[str] = []

    def resolve(host: str, *args: object, **kwargs: object) -> list[object]:
        lookups.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", httpserver.port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    httpserver.expect_request("/").respond_with_data(b"ok")
    answer = http.call("GET", f"http://public.test:{httpserver.port}/", guarded=True)
    assert answer.body == b"ok"
    assert lookups == ["public.test"]
    assert httpserver.log[0][0].headers["Host"] == f"public.test:{httpserver.port}"


def test_guarded_call_never_reuses_an_unguarded_connection(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data(b"ok")
    http.call("GET", httpserver.url_for("/"))
    with pytest.raises(http.AddressRefused):
        http.call("GET", httpserver.url_for("/"), guarded=True)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]
)
def test_public_addresses(address):
    assert addresses.is_public(address)


@pytest.mark.django_db(transaction=True)
def test_calls_inside_a_transaction_are_refused(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data(b"ok")
    with transaction.atomic(), pytest.raises(http.InsideTransaction):
        http.call("GET", httpserver.url_for("/"))
    assert httpserver.log == []
    assert http.call("GET", httpserver.url_for("/")).body == b"ok"


@pytest.mark.django_db
def test_the_transaction_around_a_test_does_not_count(httpserver: HTTPServer):
    assert connection.in_atomic_block
    httpserver.expect_request("/").respond_with_data(b"ok")
    assert http.call("GET", httpserver.url_for("/")).body == b"ok"
    with transaction.atomic(), pytest.raises(http.InsideTransaction):
        http.call("GET", httpserver.url_for("/"))


@pytest.mark.parametrize(
    ("serve", "kind"),
    [
        (answering(b""), http.RequestOutcomeUnknown),
        (answering(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"), http.RedirectRefused),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", pause=0.6), http.DeadlineExceeded),
        (None, http.RequestNotSent),
    ],
    ids=["hang up", "redirect", "timeout", "not sent"],
)
def test_secrets_appear_in_no_error_no_cause_and_no_log(serve, kind, caplog):
    caplog.set_level(logging.DEBUG)
    with raw_server(serve or (lambda peer: None)) as running:
        url = running if serve else "http://127.0.0.1:9/"
        with pytest.raises(kind) as caught:
            http.call("GET", url, params={"accessToken": SECRET}, limits=SHORT)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert SECRET not in caplog.text


def test_the_one_urllib3_warning_with_an_address_loses_its_query(caplog):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nBroken Header\r\n\r\nok"
    with raw_server(answering(answer)) as url:
        http.call("GET", url, params={"accessToken": SECRET})
    assert "Failed to parse headers" in caplog.text
    assert SECRET not in caplog.text


def test_urllib3_stays_quiet_below_warnings(httpserver: HTTPServer, caplog):
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/").respond_with_data(b"ok")
    http.call("GET", httpserver.url_for("/"), params={"sign": SECRET})
    assert not [record for record in caplog.records if record.name.startswith("urllib3")]
    assert logging.getLogger("urllib3").getEffectiveLevel() == logging.WARNING


def test_redaction_hides_values_and_keeps_names():
    hidden = http.redacted({"accessToken": SECRET, "Sign": "x", "code": "c", "appKey": "k"})
    assert hidden == {"accessToken": "***", "Sign": "***", "code": "***", "appKey": "k"}


def test_answer_never_shows_its_body_in_repr(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data(SECRET)
    assert SECRET not in repr(http.call("GET", httpserver.url_for("/")))


def _peak_memory() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
