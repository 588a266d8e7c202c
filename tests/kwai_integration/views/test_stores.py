"""*Integrações*, at every step of a store's life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from erp.accounts.models import Company, User
from kwai_integration.setup.stores import store_install

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["kwai:stores", "kwai:store"])
def test_a_store_that_was_never_active_shows(
    company: Company, admin: User, sign_in: Callable[[User], Client], name: str
) -> None:
    """It has no cursor yet: nothing was ever read."""
    store = store_install(company=company, name="Kwai Novo", user=admin)
    url = reverse(name, args=[store.pk] if name == "kwai:store" else [])
    answer = sign_in(admin).get(url, headers={"Host": "127.0.0.1:8000"}, follow=True)
    assert answer.status_code == 200
    assert "Kwai Novo" in answer.text


def test_a_draft_is_discarded_from_its_card(
    company: Company, admin: User, sign_in: Callable[[User], Client]
) -> None:
    store = store_install(company=company, name="Kwai Repetido", user=admin)
    client = sign_in(admin)
    url = reverse("kwai:store_discard", args=[store.pk])
    assert url in client.get(reverse("kwai:stores")).text
    answer = client.post(url, follow=True)
    assert "Integração Kwai Repetido descartada." in answer.text
    assert url not in answer.text


def test_without_the_application_the_page_says_what_is_missing(
    company: Company, admin: User, sign_in: Callable[[User], Client], settings: Any
) -> None:
    settings.KWAI_APP_KEY = settings.KWAI_SIGN_SECRET = ""
    store = store_install(company=company, name="Kwai Novo", user=admin)
    client = sign_in(admin)
    page = client.get(reverse("kwai:store_connection", args=[store.pk])).text
    assert "Faltam KWAI_APP_KEY, KWAI_SIGN_SECRET no arquivo .env" in page
    assert reverse("kwai:store_connect", args=[store.pk]) not in page
    refused = client.post(reverse("kwai:store_connect", args=[store.pk]))
    assert (refused.status_code, "Faltam KWAI_APP_KEY" in refused.text) == (409, True)
