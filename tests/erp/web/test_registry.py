from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from erp.accounts.models import User
from erp.web import registry


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_sidebar", "_panels", "_sources"):
        monkeypatch.setattr(registry, name, {})


def request_of(user: User, path: str = "/") -> HttpRequest:
    request = RequestFactory().get(path)
    request.user = user
    return request


def entries(user: User, path: str = "/") -> list[tuple[str, list[tuple[str, bool]]]]:
    sections = registry.sidebar_for(request_of(user, path))
    return [(section, [(link.label, link.active) for link in links]) for section, links in sections]


def register_three() -> None:
    registry.sidebar_register(section="vendas", label="Pedidos", url_name="sales:orders", icon="box")
    registry.sidebar_register(
        section="cadastros", label="Novo", url_name="catalog:product_create", icon="plus"
    )
    registry.sidebar_register(section="início", label="Início", url_name="web:home", icon="home")


def test_sections_keep_their_order_whatever_registers_first(admin: User) -> None:
    register_three()
    assert [section for section, _ in entries(admin)] == ["início", "cadastros", "vendas"]


def test_entries_follow_the_role(viewer: User) -> None:
    register_three()
    assert [section for section, _ in entries(viewer)] == ["início", "vendas"]


def test_a_detail_marks_its_list_and_home_marks_only_itself(admin: User) -> None:
    register_three()
    detail = reverse("sales:orders") + "12/"
    marked = [label for _, links in entries(admin, detail) for label, active in links if active]
    assert marked == ["Pedidos"]


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown sidebar section"):
        registry.sidebar_register(section="outros", label="x", url_name="web:home", icon="x")


def test_search_asks_only_sources_the_role_may_open(viewer: User, sign_in: Callable[[User], Client]) -> None:
    def hit(request: HttpRequest, text: str) -> list[registry.SearchHit]:
        return [registry.SearchHit(f"achado {text}", "/x/")]

    registry.search_source_register(label="Pedidos", url_name="sales:orders", icon="box", search=hit)
    registry.search_source_register(label="Gestão", url_name="catalog:product_create", icon="box", search=hit)
    html = sign_in(viewer).get("/busca/?q=<i>123").content.decode()
    assert "achado &lt;i&gt;123" in html
    assert "Gestão" not in html


def test_search_of_one_letter_asks_nobody(viewer: User, sign_in: Callable[[User], Client]) -> None:
    asked: list[str] = []

    def ask(request: HttpRequest, text: str) -> list[registry.SearchHit]:
        asked.append(text)
        return []

    registry.search_source_register(label="x", url_name="sales:orders", icon="box", search=ask)
    assert "ao menos duas letras" in sign_in(viewer).get("/busca/?q=a").content.decode()
    assert asked == []


def test_panels_follow_the_role_and_may_stay_silent(admin: User, viewer: User) -> None:
    registry.home_panel_register(
        template="a.html", url_name="catalog:product_create", context=lambda request: {"a": 1}
    )
    registry.home_panel_register(template="b.html", url_name="web:home", context=lambda request: None)
    assert registry.home_panels_for(request_of(admin)) == [("a.html", {"a": 1})]
    assert registry.home_panels_for(request_of(viewer)) == []
