"""Every answer names its request, and every write has a line in the log."""

from __future__ import annotations

import json
import logging
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
