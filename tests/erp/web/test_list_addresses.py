"""Whatever stands in the address of a list, it answers: nobody's bookmark or typing error is a failure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from erp.accounts.models import User

LISTS = (
    "sales:orders",
    "kwai:orders",
    "kwai:jobs",
    "kwai:links",
    "invoices:list",
    "invoices:unlinked",
    "expedition:list",
    "stock:balances",
    "stock:warehouses",
    "catalog:products",
    "sales:shipping_methods",
    "users",
    "work:list",
)
HOSTILE = (
    "",
    "x",
    "-1",
    "0",
    "9" * 30,
    "²",
    "%",
    "_",
    "'",
    "\x00",
    "é" * 90,
    "~",
    "2026-13-45",
    "1,2,3",
    "[]",
    "all",
)
NAMES = (
    "page",
    "after",
    "before",
    "skip",
    "size",
    "sort",
    "tab",
    "q",
    "store",
    "due",
    "agrupamentos",
)


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
def test_no_address_is_a_failure(name: str, admin: User, sign_in: Callable[[User], Client]) -> None:
    client, url = sign_in(admin), reverse(name)
    queries = [dict.fromkeys(NAMES, text) for text in HOSTILE]
    queries += [{alone: text} for alone in ("row", "export") for text in HOSTILE]
    queries += [{"page": number, "after": place} for number in ("2", "-1", "400") for place in HOSTILE[:8]]
    queries += [{"page": "2", "before": "~".join(["1"] * count)} for count in range(1, 5)]
    queries += [{"export": kind, "q": "'"} for kind in ("csv", "xlsx")]
    answers = {urlencode(query): client.get(f"{url}?{urlencode(query)}") for query in queries}
    assert {
        query: each.status_code for query, each in answers.items() if each.status_code not in (200, 404)
    } == {}
    missing = [query for query, each in answers.items() if each.status_code == 404]
    assert all(query.startswith("row=") for query in missing)


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("header", ["X-List-Stamp", "X-List-Rows", "X-List-Menu"])
def test_what_an_open_page_sends_is_no_failure_either(
    name: str, header: str, admin: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(admin)
    for text in ("", "x", "1.2,3", "," * 50, "é"):
        assert client.get(reverse(name), headers={header: text}).status_code in (200, 204, 304)
