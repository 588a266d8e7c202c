"""Reading what a signed-in user's request says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import cast

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from erp.accounts.models import Company, User
from erp.attention.board import Board

# Nineteen digits may pass the largest number a column holds, and PostgreSQL then refuses the query.
LONGEST_ID = 18


def user_of(request: HttpRequest) -> User:
    """The permission middleware lets nobody else come as far as a view."""
    return cast(User, request.user)


def company_of(request: HttpRequest) -> Company:
    """The permission middleware lets nobody without a company come as far as a view."""
    return cast(Company, user_of(request).company)


def board_of(request: HttpRequest) -> Board:
    """What needs the signed-in user, read once whatever parts of the page show it."""
    return cast(Board, vars(request).setdefault("_attention_board", Board(user_of(request))))


def text_of(values: QueryDict, name: str, longest: int = 100) -> str:
    """What was typed into a field, trimmed and cut; without NUL, which PostgreSQL takes into no text."""
    return values.get(name, "").replace("\x00", "").strip()[:longest]


def undone_first(ids: Sequence[int], done: Collection[int], most: int) -> tuple[list[int], int]:
    """At most `most` of `ids`, those that are through already last, and how many are left for the next time:
    whoever repeats the same ticks goes on."""
    ordered = sorted(ids, key=lambda pk: pk in done)
    return ordered[:most], sum(pk not in done for pk in ordered[most:])


def address_back(request: HttpRequest, url_name: str) -> str:
    """The page somebody came from, as its form says: a list with its tab, filters and page. Only one of our
    own; else the page called `url_name`."""
    asked = request.POST.get("back", "")
    is_own = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return asked if is_own else reverse(url_name)


def id_of(text: str | None) -> int | None:
    """A primary key out of an address or a form, or None when `text` cannot be one."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= LONGEST_ID else None


# More than anybody ticks; what is more is a forged request.
MOST_IDS = 10_000


def ids_of(texts: Iterable[str]) -> list[int]:
    """The usable ids among `texts`, each once, in their order, MOST_IDS at most; a text may hold many, with
    commas between."""
    parts = (part for text in texts for part in text.split(","))
    found = (each for part in parts if (each := id_of(part)) is not None)
    return list(islice(dict.fromkeys(found), MOST_IDS))
