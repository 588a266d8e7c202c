"""*Integrações*, at every step of a store's life."""

from __future__ import annotations

from collections.abc import Callable

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
