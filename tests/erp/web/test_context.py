from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from erp import __version__
from erp.accounts.models import User


def test_the_shell_names_company_user_and_sign_out(admin: User, sign_in: Callable[[User], Client]) -> None:
    html = sign_in(admin).get("/").content.decode()
    assert "Loja Exemplo" in html
    assert "Administrador" in html
    assert f'method="post" action="{reverse("logout")}"' in html
    assert 'href="#content"' in html
    assert 'id="content"' in html


@pytest.mark.parametrize("demo", [True, False])
def test_the_demo_ribbon_shows_only_in_the_demo(
    admin: User, sign_in: Callable[[User], Client], settings: Any, demo: bool
) -> None:
    settings.ERP_DEMO = demo
    assert ("Demonstração:" in sign_in(admin).get("/").content.decode()) is demo


def test_every_page_says_its_version(admin: User, sign_in: Callable[[User], Client]) -> None:
    for client in (Client(), sign_in(admin)):
        html = client.get("/", follow=True).content.decode()
        assert f"Versão {__version__}</footer>" in html


def test_pages_carry_no_inline_script_or_style(admin: User, sign_in: Callable[[User], Client]) -> None:
    html = sign_in(admin).get("/").content.decode()
    assert "<style" not in html
    assert " style=" not in html
    assert " onclick=" not in html
    assert html.count("<script") == html.count("<script src=")


def test_an_unknown_page_says_what_to_do(admin: User, sign_in: Callable[[User], Client]) -> None:
    response = sign_in(admin).get("/nao-existe/")
    assert response.status_code == 404
    assert "Página não encontrada" in response.content.decode()


def test_a_forbidden_page_says_what_to_do(viewer: User, sign_in: Callable[[User], Client]) -> None:
    response = sign_in(viewer).get(reverse("catalog:product_create"))
    assert response.status_code == 403
    assert "Seu perfil não permite abrir esta página" in response.content.decode()


def test_vendored_files_are_those_of_the_readme() -> None:
    readme = Path(str(finders.find("vendor/README.md"))).read_text()
    sums = re.findall(r"\| `([^`]+)` \|.*`([0-9a-f]{64})`", readme)
    assert len(sums) == 3
    for name, wanted in sums:
        assert hashlib.sha256(Path(str(finders.find(f"vendor/{name}"))).read_bytes()).hexdigest() == wanted
