"""*Usuários* as an administrator works with it, and the link as its receiver does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Role, Store, StoreMembership, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(admin: User, sign_in: Callable[[User], Client], settings: Any) -> Client:
    settings.PUBLIC_URL = "http://testserver"
    return sign_in(admin)


def typed(**fields: Any) -> dict[str, Any]:
    return {"first_name": "Bia", "username": "bia", "email": "", "role": "operator", **fields}


def link_of(html: str) -> str:
    return re.findall(r"http://testserver/senha/[^\s\"<]+", html)[0]


def test_a_new_person_enters_with_the_password_they_chose(client: Client, store: Store) -> None:
    answer = client.post(reverse("user_create"), typed(stores=[store.pk]), follow=True)
    assert "Falta gerar o link de senha" in answer.content.decode()
    user = User.objects.get(username="bia")
    shown = client.post(reverse("user_password_link", args=[user.pk]))
    link = link_of(shown.content.decode())
    assert "no-cache" in shown["Cache-Control"]
    # What is saved beside the link goes to the user's page, not to another link.
    assert f'action="{reverse("user", args=[user.pk])}"' in shown.content.decode()
    visitor = Client()
    page = visitor.get(link, follow=True)
    assert "Escolha a sua senha" in page.content.decode()
    # The token left the address, so no Referer tells it.
    address = page.redirect_chain[-1][0]
    assert link.rstrip("/").rsplit("/", 1)[-1] not in address
    chosen = {"new_password1": "caneca-azul-42", "new_password2": "caneca-azul-42"}
    done = visitor.post(address, chosen, follow=True)
    assert "Senha salva" in done.content.decode()
    assert visitor.login(username="bia", password="caneca-azul-42")
    assert "não vale mais" in Client().get(link, follow=True).content.decode()


def test_a_weak_password_is_refused_with_the_reason(client: Client, operator: User) -> None:
    link = link_of(client.post(reverse("user_password_link", args=[operator.pk])).content.decode())
    visitor = Client()
    address = visitor.get(link, follow=True).redirect_chain[-1][0]
    weak = {"new_password1": "1234", "new_password2": "1234"}
    assert "curta" in visitor.post(address, weak).content.decode()
    assert Client().login(username=operator.username, password=PASSWORD)


def test_a_new_password_opens_what_too_many_wrong_ones_had_locked(
    client: Client, operator: User, settings: Any
) -> None:
    """The locked page sends people to an administrator, so the link has to help."""
    settings.AXES_ENABLED = True
    visitor = Client()
    sign_in = {"username": operator.username, "password": "errada"}
    for _ in range(settings.AXES_FAILURE_LIMIT):
        locked = visitor.post(reverse("login"), sign_in)
    assert locked.status_code == 429
    link = link_of(client.post(reverse("user_password_link", args=[operator.pk])).content.decode())
    address = visitor.get(link, follow=True).redirect_chain[-1][0]
    visitor.post(address, {"new_password1": "caneca-azul-42", "new_password2": "caneca-azul-42"})
    answer = visitor.post(reverse("login"), {**sign_in, "password": "caneca-azul-42"})
    assert answer.status_code == 302


def test_what_a_form_does_not_offer_is_not_taken(
    client: Client, operator: User, other_company: Company
) -> None:
    extra = {"is_superuser": "on", "is_staff": "on", "company": other_company.pk, "password": "x", "id": "1"}
    before = operator.password
    client.post(reverse("user", args=[operator.pk]), typed(username="operator", is_active="on", **extra))
    operator.refresh_from_db()
    assert (operator.is_superuser, operator.is_staff, operator.password) == (False, False, before)
    assert operator.company_id != other_company.pk


def test_a_link_leads_to_the_public_address_whatever_the_browser_calls_us(
    client: Client, operator: User, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    address = reverse("user_password_link", args=[operator.pk])
    shown = client.post(address, headers={"host": "evil.example"}).content.decode()
    assert link_of(shown)
    assert "evil.example" not in shown


def test_a_new_password_ends_the_sessions_of_the_old_one(
    client: Client, operator: User, sign_in: Callable[[User], Client]
) -> None:
    theirs = sign_in(operator)
    link = link_of(client.post(reverse("user_password_link", args=[operator.pk])).content.decode())
    visitor = Client()
    address = visitor.get(link, follow=True).redirect_chain[-1][0]
    visitor.post(address, {"new_password1": "caneca-azul-42", "new_password2": "caneca-azul-42"})
    assert theirs.get("/").status_code == 302


def test_signing_in_leads_nowhere_else(operator: User) -> None:
    fields = {"username": operator.username, "password": PASSWORD, "next": "https://evil.example/"}
    for where in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = Client().post(reverse("login"), {**fields, "next": where})
        assert answer["Location"] == "/"


def test_who_is_switched_off_is_out_at_once(
    client: Client, operator: User, sign_in: Callable[[User], Client]
) -> None:
    theirs = sign_in(operator)
    assert theirs.get("/").status_code == 200
    client.post(reverse("user", args=[operator.pk]), typed(username=operator.username))
    operator.refresh_from_db()
    assert operator.is_active is False
    assert theirs.get("/").status_code == 302
    assert operator.username in client.get(reverse("users") + "?tab=off").content.decode()
    assert client.post(reverse("user_password_link", args=[operator.pk])).status_code == 404


def test_the_last_administrator_is_told_why_not(client: Client, admin: User) -> None:
    answer = client.post(reverse("user", args=[admin.pk]), typed(username="admin", is_active="on"))
    assert "É preciso um administrador ativo" in answer.content.decode()
    admin.refresh_from_db()
    assert admin.role == Role.ADMIN


def test_a_taken_name_stands_at_its_field(client: Client, operator: User) -> None:
    answer = client.post(reverse("user_create"), typed(username=operator.username))
    html = answer.content.decode()
    assert "Já existe um usuário chamado operator" in html
    assert "is-invalid" in html


def test_users_of_another_company_do_not_exist(client: Client, other_company: Company) -> None:
    stranger = User.objects.create_user(username="alheio", company=other_company, role=Role.ADMIN)
    assert client.get(reverse("user", args=[stranger.pk])).status_code == 404
    assert client.post(reverse("user_password_link", args=[stranger.pk])).status_code == 404
    assert "alheio" not in client.get(reverse("users")).content.decode()


def test_a_store_of_another_company_cannot_be_given(client: Client, other_company: Company) -> None:
    foreign = Store.objects.create(company=other_company, name="Loja Alheia", channel="kwai")
    answer = client.post(reverse("user_create"), typed(stores=[foreign.pk]))
    assert answer.status_code == 200
    assert "Loja Alheia" not in answer.content.decode()
    assert not User.objects.filter(username="bia").exists()


@pytest.mark.parametrize("forged", ["9" * 30, "-1", "x", "٣"])
def test_a_store_that_cannot_exist_is_refused_like_any_other(
    client: Client, operator: User, forged: str
) -> None:
    answer = client.post(reverse("user_create"), typed(stores=[forged]))
    assert answer.status_code == 200
    assert "id_stores_error" in answer.content.decode()
    assert not User.objects.filter(username="bia").exists()


def test_the_list_costs_the_same_for_two_and_for_twenty(
    client: Client, company: Company, store: Store
) -> None:
    def add(count: int) -> None:
        for number in range(User.objects.count(), User.objects.count() + count):
            user = User.objects.create_user(username=f"u{number}", company=company, role=Role.OPERATOR)
            StoreMembership.objects.create(user=user, store=store)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("users")).status_code == 200
        return len(queries)

    add(2)
    cost()
    few = cost()
    add(18)
    assert cost() == few
