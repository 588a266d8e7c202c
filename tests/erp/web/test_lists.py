from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Branch, Company, User
from erp.web.lists import Count, since, until
from erp.web.lists.paging import Page, list_order

SignIn = Callable[[User], Client]


def names(html: str) -> list[str]:
    return re.findall(r"<td>(Filial \d+)</td>", html)


@pytest.fixture
def client(operator: User, sign_in: SignIn, branch_page: str, branches: list[Branch]) -> Client:
    return sign_in(operator)


def html_of(client: Client, path: str = "/filiais/", **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_a_column_draws_its_heading_and_its_cells(client: Client, branches: list[Branch]) -> None:
    html = html_of(client)
    assert re.search(r'<th scope="col" class="d-none d-md-table-cell">\s*CNPJ\s*</th>', html)
    link = f'<a href="/filiais/{branches[0].pk}/">{branches[0].tax_id}</a>'
    assert f'<td class="d-none d-md-table-cell">{link}</td>' in html
    assert re.search(r'<th scope="col" class="text-end">\s*UF\s*</th>', html)
    assert '<td class="text-end fw-bold" data-label="UF">SP</td>' in html


def test_a_cell_without_content_is_empty(client: Client, branches: list[Branch]) -> None:
    """What `td:empty` hides on a phone holds no line break of its template either."""
    Branch.objects.update(name="")
    assert html_of(client).count("<td></td>") == 50


def test_first_page_holds_fifty_rows_in_order(client: Client) -> None:
    html = html_of(client)
    assert names(html) == [f"Filial {number:02d}" for number in range(50)]
    assert "Mostrando 1–50 de 60" in html


def test_pages_together_show_every_row_once(client: Client) -> None:
    rows = names(html_of(client)) + names(html_of(client, "/filiais/?page=2"))
    assert len(rows) == len(set(rows)) == 60


@pytest.mark.parametrize("page", ["0", "-1", "abc", "99999999999999999999", "٣"])
def test_a_wrong_page_number_still_shows_rows(client: Client, page: str) -> None:
    assert names(html_of(client, f"/filiais/?page={page}"))


def test_tabs_count_and_filter_and_keep_the_query(client: Client) -> None:
    html = html_of(client, "/filiais/?tab=sp&q=filial")
    assert len(names(html)) == 40
    counts = re.findall(r'class="tab-count">(\d+)<', html)
    assert counts == ["60", "40"]
    assert "q=filial" in re.findall(r'class="nav-link[^"]*"\s+href="(\?[^"]*)"', html)[0]


def test_an_empty_tab_points_to_the_others(client: Client) -> None:
    Branch.objects.update(state_code="MG")
    assert "Nada nesta aba" in html_of(client, "/filiais/?tab=sp")


def test_filter_and_search_combine(client: Client) -> None:
    assert len(names(html_of(client, "/filiais/?uf=MG"))) == 20
    assert names(html_of(client, "/filiais/?uf=MG&q=uberlândia 45")) == ["Filial 45"]
    assert names(html_of(client, "/filiais/?uf=MG&q=campinas")) == []


@pytest.mark.parametrize("query", ["uf=ZZ", "desde=2026-13-45", "desde=ontem", "q=%00", "uf=%00"])
def test_a_value_that_means_nothing_filters_nothing(client: Client, query: str) -> None:
    assert len(names(html_of(client, f"/filiais/?{query}"))) == 50


def test_htmx_gets_the_list_alone_and_history_the_page(client: Client) -> None:
    partial = html_of(client, **{"HX-Request": "true", "HX-Target": "list"})
    assert "<html" not in partial
    assert len(names(partial)) == 50
    restored = html_of(client, **{"HX-Target": "list", "HX-History-Restore-Request": "true"})
    assert "<html" in restored


def test_the_answer_varies_by_the_htmx_headers(client: Client) -> None:
    assert "HX-Target" in client.get("/filiais/")["Vary"]


def test_statements_do_not_depend_on_the_rows(client: Client) -> None:
    client.get("/filiais/")
    with CaptureQueriesContext(
        connection,
    ) as full:
        client.get("/filiais/")
    with CaptureQueriesContext(connection) as few:
        client.get("/filiais/?uf=MG&q=45")
    assert len(full) == len(few)


def test_bulk_action_answers_every_row_refusals_first(client: Client, branches: list[Branch]) -> None:
    closed, refused = branches[0], branches[45]
    response = client.post("/filiais/", {"action": "close", "ids": [closed.pk, refused.pk]})
    panel = response.content.decode().split('id="results"')[1].split("</section>")[0]
    assert panel.index("filial Filial 45") < panel.index("filial Filial 00")
    assert "Há notas em aberto. Conclua-as antes." in panel
    assert "1 recusado" in panel
    assert "1 feito" in panel


def test_row_menu_acts_on_its_own_row_whatever_is_ticked(client: Client, branches: list[Branch]) -> None:
    ticked, meant = branches[1], branches[2]
    response = client.post("/filiais/", {"row_action": f"check:{meant.pk}", "ids": [ticked.pk]})
    html = response.content.decode()
    panel = html.split('id="results"')[1].split("</section>")[0]
    assert "Filial 02" in panel
    assert "Filial 01" not in panel
    assert re.search(rf'value="{ticked.pk}"\s+aria-label="[^"]*"\s+checked', html)


def test_a_row_of_another_company_is_out_of_reach(client: Client, other_company: Company) -> None:
    foreign = Branch.objects.create(
        company=other_company, name="Alheia", tax_id="99", state_code="MG", city="x"
    )
    html = client.post("/filiais/", {"action": "check", "ids": [foreign.pk]}).content.decode()
    assert "não está mais ao seu alcance" in html
    assert "Alheia" not in html


def test_nothing_ticked_is_said(client: Client) -> None:
    assert "Nenhuma linha marcada" in client.post("/filiais/", {"action": "check"}).content.decode()


@pytest.mark.parametrize("ids", [["abc"], ["-1"], ["9" * 30], ["²"]])
def test_ids_that_are_no_ids_are_no_rows(client: Client, ids: list[str]) -> None:
    html = client.post("/filiais/", {"action": "check", "ids": ids}).content.decode()
    assert "Nenhuma linha marcada" in html


def test_an_action_may_answer_with_a_file(client: Client, branches: list[Branch]) -> None:
    response = client.post("/filiais/", {"action": "export", "ids": [branches[0].pk]})
    assert response["Content-Type"] == "text/csv"


@pytest.mark.parametrize("name", ["forbidden", "unknown", ""])
def test_an_action_the_role_lacks_is_refused(client: Client, branches: list[Branch], name: str) -> None:
    assert client.post("/filiais/", {"action": name, "ids": [branches[0].pk]}).status_code == 403


def test_who_only_reads_sees_the_actions_greyed(
    viewer: User, sign_in: SignIn, branch_page: str, branches: list[Branch]
) -> None:
    client = sign_in(viewer)
    assert "Seu perfil não permite esta ação." in html_of(client)
    assert client.post("/filiais/", {"action": "check", "ids": [branches[0].pk]}).status_code == 403


def test_ids_carry_no_thousands_separator(operator: User, sign_in: SignIn, branch_page: str) -> None:
    Branch.objects.create(
        pk=1234567, company=operator.company, name="B", tax_id="1", state_code="SP", city="x"
    )
    html = html_of(sign_in(operator))
    assert 'value="1234567"' in html
    menu = html_of(sign_in(operator), "/filiais/?row=1234567")
    assert 'value="check:1234567"' in menu


def test_hostile_text_is_escaped(operator: User, sign_in: SignIn, branch_page: str) -> None:
    Branch.objects.create(company=operator.company, name='<b>"x"', tax_id="1", state_code="SP", city="x")
    assert "<b>" not in html_of(sign_in(operator), '/filiais/?q=<b>"x"')


def test_an_empty_list_says_what_to_do_and_a_filtered_one_too(
    operator: User, sign_in: SignIn, branch_page: str
) -> None:
    client = sign_in(operator)
    assert "Cadastre a primeira." in html_of(client)
    assert "Nada encontrado com estes filtros" in html_of(client, "/filiais/?q=nada")


@pytest.mark.parametrize(
    ("number", "total", "more", "shown"),
    [
        (1, 50, False, "1"),
        (1, 500, True, "1 2 3 … 10"),
        (5, 500, True, "1 … 3 4 5 6 7 … 10"),
        (10, 500, False, "1 … 8 9 10"),
        (1, 20_000, True, "1 2 3 … última"),
        (400, 20_000, True, "1 … 398 399 400 401 … última"),
        (400, 20_000, False, "1 … 398 399 400"),
        (-1, 20_000, True, "1 … última"),
    ],
)
def test_page_numbers_leave_gaps(number: int, total: int, more: bool, shown: str) -> None:
    rows = [Branch(pk=1, name="A"), Branch(pk=2, name="B")]
    page = Page(number, 50, Count(total), rows, list_order(Branch, ["name"]), more)
    assert " ".join(link.label for link in page.links) == shown


@pytest.mark.parametrize(
    ("day", "from_then_on", "up_to_then"), [("2026-03-09", 1, 0), ("2026-03-10", 1, 1), ("2026-03-11", 0, 1)]
)
def test_a_day_of_the_filter_is_one_of_the_local_calendar(
    company: Company, day: str, from_then_on: int, up_to_then: int
) -> None:
    """23:59 of the tenth in São Paulo is the eleventh in UTC already."""
    late = datetime(2026, 3, 11, 2, 59, tzinfo=UTC)
    Company.objects.filter(pk=company.pk).update(created_at=late)
    rows = Company.objects.filter(pk=company.pk)
    asked = date.fromisoformat(day)
    assert rows.filter(since("created_at")(asked)).count() == from_then_on
    assert rows.filter(until("created_at")(asked)).count() == up_to_then


@pytest.mark.parametrize("name", ["sales:orders", "kwai:orders", "invoices:list", "invoices:unlinked"])
def test_the_first_and_the_last_day_there_is_filter_nothing(
    name: str, admin: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(admin)
    for query in ("since=0001-01-01&until=9999-12-31", "since=9999-12-31", "until=0001-01-01"):
        assert client.get(f"{reverse(name)}?{query}").status_code == 200
