"""Every answer names its request, and every write has a line in the log."""

from __future__ import annotations

import gzip
import json
import logging
import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path, reverse

from erp.accounts.models import User
from erp.accounts.permissions import MEMBER, route
from erp.settings.logs import JsonFormatter

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the log collector would get."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("CPF 52998224725")


urlpatterns = [route("broken/", broken, "broken", MEMBER), path("", include("erp.urls"))]
handler500 = "erp.web.views.server_error"


def test_a_given_id_is_answered() -> None:
    assert Client().get("/entrar/", headers={"X-Request-ID": "proxy-0001"})["X-Request-ID"] == "proxy-0001"


def test_a_bad_id_is_replaced() -> None:
    answer = Client().get("/entrar/", headers={"X-Request-ID": 'x","admin":"'})
    assert len(answer["X-Request-ID"]) == 32


def test_each_request_has_its_own() -> None:
    client = Client()
    assert client.get("/entrar/")["X-Request-ID"] != client.get("/entrar/")["X-Request-ID"]


def test_a_write_is_logged_by_its_route(
    logged: Callable[[], list[dict[str, Any]]], admin: User, sign_in: Callable[[User], Client]
) -> None:
    answer = sign_in(admin).post("/produtos/7/?q=52998224725")
    (line,) = [line for line in logged() if line["message"] == "request"]
    assert line["request_id"] == answer["X-Request-ID"]
    assert (line["method"], line["route"], line["row"]) == ("POST", "catalog:product", 7)
    assert (line["status"], line["user"]) == (404, admin.pk)
    assert "52998224725" not in json.dumps(line)


def test_the_address_of_a_button_says_that_it_is_one(admin: User, sign_in: Callable[[User], Client]) -> None:
    client = sign_in(admin)
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for name, key in [("expedition:group_conclude", 1), ("work:stop", 1), ("kwai:store_discard", 1)]:
        answer = client.get(reverse(name, args=[key]), headers=browser)
        assert (answer.status_code, "POST" in answer["Allow"]) == (405, True)
        assert "Nada foi feito" in answer.content.decode()
        assert not client.get(reverse(name, args=[key])).content


def test_a_one_time_code_is_not_logged(logged: Callable[[], list[dict[str, Any]]]) -> None:
    Client().post("/configurar/one-time-code/")
    (line,) = [line for line in logged() if line["message"] == "request"]
    assert "one-time-code" not in json.dumps(line)


def test_a_failure_shows_the_id_under_which_it_is_logged(
    logged: Callable[[], list[dict[str, Any]]],
    admin: User,
    sign_in: Callable[[User], Client],
) -> None:
    client = sign_in(admin)
    client.raise_request_exception = False
    with override_settings(ROOT_URLCONF=__name__):
        answer = client.get("/broken/", headers={"X-Request-ID": "browser-0500"})
    assert answer.status_code == 500
    assert "browser-0500" in answer.content.decode()
    (line,) = [line for line in logged() if line["level"] == "ERROR"]
    assert line["request_id"] == "browser-0500"
    assert "RuntimeError" in line["trace"]


def test_pages_are_compressed_and_their_size_tells_no_token(
    admin: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(admin)
    answers = [client.get("/pedidos/", headers={"Accept-Encoding": "gzip"}) for _ in range(12)]
    assert {answer["Content-Encoding"] for answer in answers} == {"gzip"}
    assert "Accept-Encoding" in answers[0]["Vary"]
    pages = [gzip.decompress(answer.content).decode() for answer in answers]
    tokens = [re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page) for page in pages]
    assert all(tokens)
    assert len({token for own in tokens for token in own[:1]}) == len(answers)
    # Another token of the same page compresses to a byte or two more or less: the rest is chance.
    sizes = [len(answer.content) for answer in answers]
    assert max(sizes) - min(sizes) > 10


def test_a_page_that_is_asked_for_uncompressed_is(admin: User, sign_in: Callable[[User], Client]) -> None:
    answer = sign_in(admin).get("/pedidos/")
    assert "Content-Encoding" not in answer
    assert b"</html>" in answer.content


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_files_are_streamed_as_they_are(kind: str, admin: User, sign_in: Callable[[User], Client]) -> None:
    answer = sign_in(admin).get(f"/pedidos/?export={kind}", headers={"Accept-Encoding": "gzip"})
    assert answer.streaming
    assert "Content-Encoding" not in answer
    content = b"".join(answer.streaming_content)
    assert content.startswith(b"PK") if kind == "xlsx" else "Pedido" in content.decode()


def test_a_part_of_a_page_whose_session_ended_leads_the_page_to_the_login(client: Client) -> None:
    part = {"HX-Request": "true", "HX-Current-URL": "http://testserver/pedidos/?tab=approved#x"}
    answer = client.post(reverse("sales:orders"), {"action": "issue", "ids": "1"}, headers=part)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["HX-Redirect"] == f"{reverse('login')}?next=%2Fpedidos%2F%3Ftab%3Dapproved"
    assert client.get(reverse("sales:orders")).status_code == 302
