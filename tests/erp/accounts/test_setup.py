"""The one-time link of the first start."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core import signing
from django.test import Client

from erp.accounts.models import AuditEntry, Company, Role, User
from erp.accounts.setup import SetupClosed, setup_finish, setup_url

pytestmark = pytest.mark.django_db
ANSWERS = {
    "name": "Loja Nova Ltda",
    "trade_name": "Loja Nova",
    "tax_id": "11.222.333/0001-81",
    "state_code": "SP",
    "city": "Campinas",
    "fiscal_environment": "production",
    "username": "maria",
    "email": "maria@example.com",
    "password": "uma-frase-bem-longa",
    "repeated": "uma-frase-bem-longa",
}


def link() -> str:
    return urlsplit(setup_url()).path


def test_link_creates_company_and_administrator_and_signs_in(client: Client) -> None:
    assert "Primeira configuração" in client.get(link()).content.decode()
    answer = client.post(link(), ANSWERS)
    assert answer.status_code == 302
    user = User.objects.get()
    assert (user.username, user.role, user.is_superuser) == ("maria", Role.ADMIN, False)
    assert user.check_password("uma-frase-bem-longa")
    assert Company.objects.get().tax_id == "11222333000181"
    assert AuditEntry.objects.get().actor == user
    assert client.get("/").status_code == 200  # not led to the login


def test_link_is_dead_once_a_user_exists(client: Client, make_user: Callable[..., User]) -> None:
    address = link()
    make_user(Role.VIEWER)
    answer = client.post(address, ANSWERS)
    assert answer.status_code == 410
    assert "A empresa já foi cadastrada" in answer.content.decode()
    assert not User.objects.filter(username="maria").exists()


def test_second_of_two_people_finds_the_setup_closed(make_user: Callable[..., User]) -> None:
    make_user(Role.ADMIN)
    with pytest.raises(SetupClosed):
        setup_finish(company={"name": "Outra"}, username="x", email="", password="y")
    assert not User.objects.filter(username="x").exists()


def test_forged_and_old_links_are_refused(client: Client) -> None:
    assert client.get("/configurar/qualquer-coisa/").status_code == 410
    foreign = signing.dumps("setup", salt="another purpose")
    assert client.get(f"/configurar/{foreign}/").status_code == 410
    with time_machine.travel("2026-01-01T00:00:00Z"):
        old = link()
    with time_machine.travel("2026-01-09T00:00:00Z"):
        assert client.get(old).status_code == 410


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("tax_id", "11.222.333/0001-82", "CNPJ inválido"),
        ("password", "1234567890", "muito comum"),
        ("password", "curta", "muito curta"),
        ("password", "maria@example.com", "muito parecida"),
        ("repeated", "outra-frase-bem-longa", "As senhas são diferentes"),
        ("state_code", "XX", "Faça uma escolha válida"),
        ("city", "", "obrigatório"),
        ("email", "maria", "endereço de email"),
    ],
)
def test_wrong_answers_are_explained_and_create_nothing(
    client: Client, field: str, value: str, text: str
) -> None:
    answer = client.post(link(), ANSWERS | {field: value})
    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert not User.objects.exists()
    assert not Company.objects.exists()


def test_sign_in_and_out(client: Client, admin: User) -> None:
    assert client.get("/entrar/").status_code == 200
    answer = client.post("/entrar/", {"username": admin.username, "password": "correct-horse-battery"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert client.post("/sair/").status_code == 302
    assert "_auth_user_id" not in client.session
