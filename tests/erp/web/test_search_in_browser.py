"""The search over every page in a real browser, by keyboard alone."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.accounts.models import Store, User
from erp.sales.models import Buyer, Order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders(store: Store) -> list[Order]:
    found = []
    for number, name in ((9001, "João da Conceição"), (9002, "Márcia Conceição"), (9003, "Ana")):
        order = Order.objects.create(
            company=store.company,
            store=store,
            number=number,
            external_id=f"260000000000000{number}",
            items_total=1,
            total=1,
            placed_at=timezone.now(),
        )
        Buyer.objects.create(order=order, name=name)
        found.append(order)
    return found


def cookie_of(user: User, live_server: LiveServer) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": live_server.url}


@pytest.fixture
def home(page: Page, live_server: LiveServer, operator: User, orders: list[Order]) -> Page:
    page.context.add_cookies([cookie_of(operator, live_server)])  # type: ignore[list-item]
    page.goto(f"{live_server.url}/")
    return page


def serious(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [each["id"] for each in violations if each["impact"] in ("serious", "critical")]


def test_typing_arrows_and_enter_open_what_was_found(home: Page, orders: list[Order]) -> None:
    said: list[str] = []
    home.on("console", lambda message: said.append(message.text))
    home.on("pageerror", lambda error: said.append(str(error)))
    home.keyboard.press("Control+k")
    box = home.get_by_role("combobox", name="Buscar em todo o sistema")
    expect(box).to_be_focused()
    home.keyboard.type("conceicao")
    options = home.get_by_role("option")
    expect(options).to_have_count(2)
    expect(home.get_by_role("status").filter(has_text="2 resultados")).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    for key, chosen in (("", 0), ("ArrowDown", 1), ("ArrowDown", 0), ("ArrowUp", 1)):
        if key:
            home.keyboard.press(key)
        expect(options.nth(chosen)).to_have_attribute("aria-selected", "true")
        expect(box).to_have_attribute("aria-activedescendant", options.nth(chosen).get_attribute("id") or "")
    assert serious(home) == []
    label = options.nth(1).inner_text()
    home.keyboard.press("Enter")
    wanted = next(order for order in orders if f"Pedido {order.number}" in label)
    expect(home).to_have_url(re.compile(rf"/{wanted.pk}/$"))
    assert said == []


def test_escape_closes_and_gives_the_focus_back(home: Page) -> None:
    link = home.get_by_role("link", name="Pedidos de venda", exact=True).first
    link.focus()
    home.keyboard.press("/")
    expect(home.get_by_role("dialog")).to_be_visible()
    home.keyboard.type("a/b")
    expect(home.get_by_role("combobox")).to_have_value("a/b")
    expect(home.get_by_text("Nada encontrado para")).to_be_visible()
    expect(home.get_by_text("Procuramos em")).to_be_visible()
    assert serious(home) == []
    home.keyboard.press("Escape")
    expect(home.get_by_role("dialog")).to_be_hidden()
    expect(link).to_be_focused()


def test_what_was_typed_while_an_answer_was_on_its_way_is_asked_for(home: Page) -> None:
    asked: list[str] = []
    home.on("request", lambda request: asked.append(request.url) if "/busca/" in request.url else None)
    home.keyboard.press("Control+k")
    home.keyboard.type("conceicao joao", delay=5)
    expect(home.get_by_role("option")).to_have_count(1)
    expect(home.get_by_role("option")).to_contain_text("João da Conceição")
    assert len(asked) <= 3


def test_a_session_that_ended_leads_to_the_login_and_back(home: Page) -> None:
    home.context.clear_cookies()
    home.keyboard.press("Control+k")
    home.keyboard.type("conceicao")
    home.wait_for_url("**/entrar/?next=/")


def test_a_server_that_fails_is_told(home: Page) -> None:
    home.route("**/busca/?q=*", lambda route: route.fulfill(status=502))
    home.keyboard.press("Control+k")
    home.keyboard.type("conceicao")
    expect(home.get_by_role("status").filter(has_text="A busca não respondeu")).to_be_visible()


def test_without_script_the_sidebar_leads_to_the_page(
    browser: Browser, live_server: LiveServer, operator: User, orders: list[Order]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([cookie_of(operator, live_server)])  # type: ignore[list-item]
    page = context.new_page()
    page.goto(f"{live_server.url}/")
    box = page.get_by_role("searchbox", name="Buscar em todo o sistema")
    box.fill("marcia")
    box.press("Enter")
    expect(page.get_by_role("link", name=re.compile("Pedido 9002"))).to_be_visible()
    context.close()
