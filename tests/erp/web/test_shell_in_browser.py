"""The list scaffold in a real browser: what the script adds, a clean console, and axe."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.accounts.models import Branch, Company, User
from erp.work.models import Work
from erp.work.running import work_run
from tests.erp.web.pages import BranchList

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def list_page(
    page: Page, live_server: LiveServer, operator: User, branch_page: str, branches: list[Branch]
) -> Page:
    client = Client()
    client.force_login(operator)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
    )
    page.goto(live_server.url + branch_page)
    return page


def serious(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [each["id"] for each in violations if each["impact"] in ("serious", "critical")]


def test_ticking_counts_and_greys_with_the_reason(list_page: Page) -> None:
    list_page.fill("#filter-q", "uberlândia 4")
    expect(list_page.get_by_text("Mostrando 1–11 de 11")).to_be_visible()
    list_page.get_by_label("Marcar todas as linhas desta página").check()
    expect(list_page.get_by_text("11 selecionados")).to_be_visible()
    list_page.get_by_role("button", name="mais ações").click()
    refused = list_page.locator("#bulk-menu").get_by_role("button", name="encerrar filial")
    expect(refused).to_be_disabled()
    expect(refused).to_contain_text("11 de 11 não podem: Há notas em aberto. Conclua-as antes.")


def test_row_menu_asks_before_it_acts_and_keeps_what_is_ticked(list_page: Page) -> None:
    list_page.get_by_label("Marcar filial Filial 03").check()
    list_page.get_by_label("Ações de filial Filial 01").click()
    list_page.locator("[popover]:popover-open").get_by_text("encerrar filial").click()
    dialog = list_page.get_by_role("dialog")
    expect(dialog).to_contain_text("Encerrar as filiais marcadas?")
    dialog.get_by_role("button", name="encerrar filial").click()
    expect(list_page.locator("#results")).to_contain_text("filial Filial 01")
    expect(list_page.get_by_label("Marcar filial Filial 03")).to_be_checked()


def test_a_list_that_refreshes_by_itself_stays_whole(
    list_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows ask for themselves alone; pages and actions among them must not."""
    monkeypatch.setattr(BranchList, "poll_seconds", 600)
    list_page.reload()
    list_page.get_by_role("link", name="Próxima página").click()
    expect(list_page.get_by_text("Mostrando 51–60 de 60")).to_be_visible()
    expect(list_page.get_by_role("link", name="paulistas")).to_be_visible()
    list_page.get_by_label("Ações de filial Filial 51").click()
    list_page.locator("[popover]:popover-open").get_by_text("conferir cadastro").click()
    expect(list_page.locator("#results")).to_contain_text("filial Filial 51")
    expect(list_page.get_by_role("link", name="paulistas")).to_be_visible()


def test_focus_stays_at_what_was_used(list_page: Page) -> None:
    list_page.get_by_role("link", name="paulistas").press("Enter")
    expect(list_page).to_have_url(re.compile(r"\?tab=sp$"))
    expect(list_page.locator("#list-tabs [aria-current]")).to_be_focused()


def test_clearing_keeps_the_looks_of_the_list(list_page: Page) -> None:
    list_page.get_by_role("link", name="paulistas").click()
    expect(list_page).to_have_url(re.compile(r"\?tab=sp$"))
    list_page.locator("#filter-q").press_sequentially("filial")
    expect(list_page).to_have_url(re.compile("q=filial"))
    list_page.locator("[data-filters-clear]").click()
    expect(list_page).to_have_url(re.compile(r"\?tab=sp$"))


def test_clearing_is_offered_while_something_is_filtered(list_page: Page) -> None:
    clear = list_page.locator("[data-filters-clear]")
    assert not clear.is_visible()
    list_page.locator("#filter-q").press_sequentially("x")
    clear.wait_for()
    list_page.goto(f"{list_page.url.partition('?')[0]}?q=x")
    clear.wait_for()
    list_page.locator("#filter-q").fill("")
    clear.wait_for(state="hidden")


def test_an_open_menu_outlives_a_search_that_answers_late(list_page: Page) -> None:
    list_page.get_by_label("Ações de filial Filial 01").click()
    menu = list_page.locator("#row-menu:popover-open")
    expect(menu).to_be_visible()
    list_page.locator("#filter-q").evaluate(
        "field => { field.value = 'filial 01'; field.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    expect(list_page.locator("[data-rows] > tr")).to_have_count(1)
    expect(menu.get_by_text("conferir cadastro")).to_be_visible()


def test_saying_no_does_nothing(list_page: Page) -> None:
    list_page.get_by_label("Ações de filial Filial 01").click()
    list_page.locator("[popover]:popover-open").get_by_text("encerrar filial").click()
    list_page.get_by_role("dialog").get_by_role("button", name="Voltar").click()
    expect(list_page.get_by_role("dialog")).to_be_hidden()
    expect(list_page.locator("#results")).to_have_count(0)


def test_tabs_change_the_address_and_back_returns(list_page: Page) -> None:
    list_page.get_by_role("link", name="paulistas").click()
    expect(list_page).to_have_url(re.compile(r"\?tab=sp$"))
    expect(list_page.get_by_text("Mostrando 1–40 de 40")).to_be_visible()
    list_page.go_back()
    expect(list_page.get_by_text("Mostrando 1–50 de 60")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_no_serious_fault_for_axe_and_a_silent_console(list_page: Page, width: int) -> None:
    said: list[str] = []
    list_page.on("console", lambda message: said.append(message.text))
    list_page.on("pageerror", lambda error: said.append(str(error)))
    list_page.set_viewport_size({"width": width, "height": 800})
    list_page.reload()
    list_page.get_by_label("Marcar filial Filial 03").check()
    assert serious(list_page) == []
    list_page.get_by_role("button", name="mais ações").click()
    list_page.locator("#bulk-menu").get_by_role("button", name="conferir cadastro").click()
    expect(list_page.locator("#results")).to_be_visible()
    assert serious(list_page) == []
    assert said == []


def test_it_works_without_script(
    browser: object, live_server: LiveServer, operator: User, branch_page: str, branches: list[Branch]
) -> None:
    client = Client()
    client.force_login(operator)
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + branch_page)
    page.get_by_label("Marcar filial Filial 03").check()
    page.locator(".bulk-bar").get_by_role("button", name="conferir cadastro").first.click()
    expect(page.locator("#results")).to_contain_text("filial Filial 03")
    context.close()


def test_three_thousand_rows_are_done_after_the_page_was_closed(
    list_page: Page, company: Company, branches: list[Branch]
) -> None:
    Branch.objects.bulk_create(
        Branch(company=company, name=f"Mais {n}", tax_id=f"9{n:013d}", state_code="SP", city="x")
        for n in range(2940)
    )
    list_page.reload()
    list_page.get_by_label("Marcar todas as linhas desta página").check()
    list_page.get_by_role("button", name="marcar todos os 3.000 da busca").click()
    expect(list_page.locator("[data-bulk-count]")).to_have_text("Todos os 3.000 da busca")
    list_page.get_by_role("button", name="conferir cadastro").first.click()
    expect(list_page.locator("#results")).to_contain_text("0 de 3000")
    expect(list_page.get_by_label("Marcar filial Filial 01")).to_be_visible()
    list_page.close()
    work = Work.objects.get()
    assert work.total == 3000
    work_run(work_id=work.pk, seconds=300)
    work.refresh_from_db()
    assert (work.done, work.failed) == (3000, 0)
    assert work.finished_at is not None


def test_ticks_stay_over_pages_and_an_action_takes_them_all(list_page: Page) -> None:
    list_page.get_by_label("Marcar filial Filial 03").check()
    list_page.get_by_role("link", name="Próxima página").click()
    list_page.get_by_label("Marcar filial Filial 51").check()
    expect(list_page.get_by_text("2 selecionados (1 nesta página)")).to_be_visible()
    list_page.get_by_role("button", name="conferir cadastro").first.click()
    expect(list_page.locator("#results")).to_contain_text("filial Filial 03")
    expect(list_page.locator("#results")).to_contain_text("filial Filial 51")
    expect(list_page.locator("#results")).to_be_focused()
    expect(list_page.get_by_text("Mostrando 51–60 de 60")).to_be_visible()
    expect(list_page.get_by_label("Marcar filial Filial 51")).to_be_checked()


def test_a_list_is_worked_with_the_keyboard(list_page: Page) -> None:
    for key in ("j", "j", "x"):
        list_page.keyboard.press(key)
    expect(list_page.get_by_label("Marcar filial Filial 01")).to_be_checked()
    list_page.keyboard.press("k")
    list_page.keyboard.press("m")
    expect(list_page.locator("#row-menu")).to_contain_text("conferir cadastro")
    list_page.keyboard.press("Escape")
    list_page.keyboard.press("?")
    expect(list_page.get_by_role("dialog", name="Teclas de atalho")).to_be_visible()
    list_page.keyboard.press("Escape")
    list_page.keyboard.press("j")
    list_page.keyboard.press("Enter")  # the link of the row has the focus
    expect(list_page).to_have_url(re.compile(r"/filiais/\d+/$"))


def test_rows_change_while_the_page_is_open_and_focus_and_ticks_stay(
    list_page: Page, branches: list[Branch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BranchList, "poll_seconds", 1)
    monkeypatch.setattr(BranchList, "watched", lambda self: [Branch.objects.order_by("pk")])
    list_page.reload()
    list_page.get_by_label("Marcar filial Filial 03").check()
    list_page.get_by_label("Ações de filial Filial 02").focus()
    Branch.objects.filter(pk=branches[1].pk).update(state_code="RJ")
    Branch.objects.create(
        company=branches[0].company, name="Aaa", tax_id="1", state_code="SP", city="x"
    )  # news, and a row on top
    rows = list_page.locator("[data-rows] > tr")
    expect(rows.first).to_contain_text("Aaa")
    expect(rows.nth(2)).to_contain_text("RJ")
    expect(rows).to_have_count(50)
    expect(list_page.get_by_label("Marcar filial Filial 03")).to_be_checked()
    expect(list_page.get_by_label("Ações de filial Filial 02")).to_be_focused()
    expect(list_page.get_by_text("Mostrando 1–50 de 61")).to_be_visible()
