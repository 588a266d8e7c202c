"""What one does with a list: sort it, look at more rows, act on a whole search, save a view, take it away."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from erp.accounts.models import Branch, Company, Store, User
from erp.sales.models import Order, OrderStatus
from erp.web.lists import NextListStep, paging
from erp.web.lists import page as list_page
from erp.web.models import SavedView
from erp.work.models import Work
from erp.work.running import work_run
from tests.erp.web.pages import BranchList

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def client(operator: User, sign_in: SignIn, branch_page: str, branches: list[Branch]) -> Client:
    return sign_in(operator)


@pytest.fixture
def orders(store: Store) -> list[Order]:
    """Six orders: deadlines in hours from now, none for the last two; totals and numbers run apart."""
    now = timezone.now()
    return Order.objects.bulk_create(
        Order(
            company=store.company,
            store=store,
            number=number,
            external_id=f"90{number}",
            status=status,
            items_total=total,
            total=total,
            placed_at=now - timedelta(hours=number),
            ship_by_at=None if due is None else now + timedelta(hours=due),
        )
        for number, (due, total, status) in enumerate(
            [
                (-3, 500, OrderStatus.APPROVED),
                (-1, 100, OrderStatus.SHIPPED),
                (2, 900, OrderStatus.APPROVED),
                (60, 300, OrderStatus.OPEN),
                (None, 700, OrderStatus.APPROVED),
                (None, 200, OrderStatus.CANCELLED),
            ],
            start=1,
        )
    )


def numbers(client: Client, **query: str) -> list[int]:
    return [row.object.number for row in client.get(reverse("sales:orders"), query).context["rows"]]


@pytest.mark.parametrize(
    ("sort", "shown"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("placed", [6, 5, 4, 3, 2, 1]),
        ("-number", [6, 5, 4, 3, 2, 1]),
        ("deadline", [1, 2, 3, 4, 6, 5]),
        ("-deadline", [4, 3, 2, 1, 5, 6]),
        ("-total", [3, 5, 1, 4, 6, 2]),
        ("status", [5, 3, 1, 6, 4, 2]),
        ("password", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_headings_sort_and_what_is_no_order_sorts_nothing(
    sort: str, shown: list[int], orders: list[Order], admin: User, sign_in: SignIn
) -> None:
    found = numbers(sign_in(admin), sort=sort)
    # Rows without a deadline come last, in the order of their keys.
    assert found == shown or (found[:4] == shown[:4] and set(found[4:]) == {5, 6})


def test_a_heading_says_how_it_is_sorted_and_turns_around(
    orders: list[Order], admin: User, sign_in: SignIn
) -> None:
    html = sign_in(admin).get(reverse("sales:orders"), {"sort": "deadline", "q": ""}).content.decode()
    (heading,) = re.findall(r'aria-sort="ascending">\s*<a class="sort-link" href="([^"]*)"', html)
    assert "sort=-deadline" in heading
    assert html.count('aria-sort="none"') == 4


@pytest.mark.parametrize(("due", "shown"), [("late", [1]), ("today", []), ("", [1, 2, 3, 4, 5, 6])])
def test_what_is_late_is_found(
    due: str, shown: list[int], orders: list[Order], admin: User, sign_in: SignIn
) -> None:
    """One that is on its way is late no more."""
    if due == "today":
        midnight = timezone.localtime().replace(hour=23, minute=59, second=59)
        Order.objects.filter(number=3).update(ship_by_at=midnight)
        shown = [3]
    assert numbers(sign_in(admin), due=due) == shown


def test_a_page_holds_as_many_rows_as_were_asked_for(client: Client) -> None:
    assert len(client.get("/filiais/", {"size": "100"}).context["rows"]) == 60
    assert len(client.get("/filiais/", {"size": "7"}).context["rows"]) == 50


def test_tabs_that_hold_nothing_stand_behind_more(client: Client) -> None:
    Branch.objects.update(state_code="MG")
    html = client.get("/filiais/").content.decode()
    bar, _, more = html.partition('id="more-tabs"')
    assert "paulistas" not in bar
    assert "paulistas" in more
    assert (
        "paulistas" in client.get("/filiais/", {"tab": "sp"}).content.decode().partition('id="more-tabs"')[0]
    )


def test_counts_stop_where_nobody_reads_on(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 20)
    monkeypatch.setattr("erp.web.lists.counting.MOST_COUNTED", 20)
    html = client.get("/filiais/").content.decode()
    assert '<span class="tab-count">20+</span>' in html
    assert "Mostrando 1–50 de 20+" in html


def test_the_menu_of_a_row_greys_with_a_reason_and_is_a_page_without_script(
    client: Client, branches: list[Branch]
) -> None:
    url = f"/filiais/?row={branches[45].pk}"
    page = client.get(url).content.decode()
    part = client.get(url, headers={"X-List-Menu": "1"}).content.decode()
    for html in (page, part):
        assert "Há notas em aberto. Conclua-as antes." in html
        assert f'value="check:{branches[45].pk}"' in html
        assert f'href="/filiais/{branches[45].pk}/"' in html
    assert "<html" in page
    assert "<html" not in part
    assert client.get("/filiais/?row=99999999").status_code == 404


def test_reasons_are_asked_for_what_is_ticked(client: Client, branches: list[Branch]) -> None:
    asked = {"ask": "reasons", "ids": f"{branches[0].pk},{branches[45].pk},999999"}
    answer = json.loads(client.post("/filiais/", asked).content)
    assert answer["rows"] == 2
    assert answer["reasons"]["close"] == [1, "Há notas em aberto. Conclua-as antes."]
    assert answer["reasons"]["check"] == [0, ""]
    assert "forbidden" not in answer["reasons"]


def test_a_whole_search_becomes_a_work_that_ends_without_the_page(
    client: Client, branches: list[Branch], operator: User
) -> None:
    answer = client.post("/filiais/?uf=SP", {"action": "close", "whole": "1"}).content.decode()
    work = Work.objects.get()
    assert (work.total, str(work)) == (40, "Filiais: encerrar filial")
    assert work.get_absolute_url() in answer or 'data-work="' in answer
    assert "Filial 00" in answer
    # What was chosen is what was there at the click.
    Branch.objects.filter(pk=branches[0].pk).update(state_code="MG")
    Branch.objects.filter(pk=branches[1].pk).delete()
    work_run(work_id=work.pk, seconds=60)
    work.refresh_from_db()
    assert (work.done, work.failed, work.finished_at is not None) == (40, 2, True)
    texts = dict(work.rows.exclude(outcome="done").values_list("name", "text"))
    assert texts["filial Filial 00"] == "Há notas em aberto. Conclua-as antes."
    assert "não está mais ao seu alcance" in texts["filial Filial 01"]
    assert work.rows.first().chosen["url"] == f"/filiais/{branches[0].pk}/"


def test_a_work_of_a_list_ends_with_the_step_that_follows_for_the_rows_that_were_done(
    client: Client, branches: list[Branch], monkeypatch: pytest.MonkeyPatch
) -> None:
    def next_steps(self: BranchList, action: str, done: Sequence[int]) -> list[NextListStep]:
        return [NextListStep(f"depois de {action} ({len(done)})", "sales:orders_shipping", done)]

    monkeypatch.setattr(BranchList, "next_steps", next_steps)
    client.post("/filiais/", {"action": "close", "whole": "1"})
    work = Work.objects.get()
    progress = reverse("work:progress", args=[work.pk])
    assert "depois de" not in client.get(progress).text
    work_run(work_id=work.pk, seconds=60)
    work.refresh_from_db()
    page = client.get(progress).text
    assert f"depois de close ({work.done - work.failed})" in page
    assert 0 < work.failed < work.done
    assert 'name="back" value="/filiais/"' in page


def test_many_ticks_become_a_work_too_and_few_do_not(
    client: Client, branches: list[Branch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_page, "MOST_AT_ONCE", 3)
    few = ",".join(str(each.pk) for each in branches[:3])
    assert "3 feitos" in client.post("/filiais/", {"action": "check", "ids": few}).content.decode()
    assert not Work.objects.exists()
    many = ",".join(str(each.pk) for each in branches[:5])
    client.post("/filiais/", {"action": "check", "ids": many})
    assert Work.objects.get().total == 5


def test_a_right_that_is_taken_away_meanwhile_counts(client: Client, operator: User) -> None:
    client.post("/filiais/", {"action": "check", "whole": "1"})
    work = Work.objects.get()
    operator.role = "viewer"
    operator.save()
    work_run(work_id=work.pk, seconds=60)
    assert set(work.rows.values_list("code", flat=True)) == {"row.action_not_allowed"}


def test_nobody_acts_on_a_whole_search_of_nothing_or_with_an_action_that_asks_for_more(
    client: Client, branches: list[Branch]
) -> None:
    html = client.post("/filiais/?q=nada", {"action": "check", "whole": "1"}).content.decode()
    assert "Nenhuma linha marcada" in html
    html = client.post("/filiais/", {"action": "export", "whole": "1"}).content.decode()
    assert "Nenhuma linha marcada" in html
    assert not Work.objects.exists()


def test_the_very_view_is_exported(client: Client, company: Company) -> None:
    Branch.objects.create(company=company, name="=SOMA(1)", tax_id="1", state_code="SP", city="x")
    answer = client.get("/filiais/?tab=sp&export=csv")
    assert answer["Content-Disposition"].startswith('attachment; filename="filiais-')
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "Nome;CNPJ;UF"
    assert len(lines) == 42
    assert "'=SOMA(1);1;SP" in lines
    answer = client.get("/filiais/?uf=MG&export=xlsx")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active  # type: ignore[attr-defined]
    assert sheet is not None
    assert sheet.max_row == 21


def test_money_and_instants_are_values_in_an_export(
    orders: list[Order], admin: User, sign_in: SignIn
) -> None:
    answer = sign_in(admin).get(reverse("sales:orders"), {"export": "csv", "sort": "-total"})
    head, first, *_ = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    row = dict(zip(head.split(";"), first.replace('"', "").split(";"), strict=True))
    assert (row["Pedido"], row["Total"], row["Situação"]) == ("3", "9,00", "Aprovado")
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", row["Data"])


def test_views_are_kept_for_their_person(
    orders: list[Order], admin: User, operator: User, sign_in: SignIn
) -> None:
    client = sign_in(admin)
    asked = {"list": "sales:orders", "query": "due=late&sort=deadline", "name": "  Atrasados   hoje "}
    answer = client.post(reverse("web:list_views"), asked, follow=True)
    assert "Visão salva" in answer.content.decode()
    assert answer.redirect_chain == [("/pedidos/?due=late&sort=deadline", 302)]
    row = SavedView.objects.get()
    assert (row.user, row.name) == (admin, "Atrasados hoje")
    query = {"list": "sales:orders", "query": "due=late&sort=deadline"}
    page = unescape(client.get(reverse("web:list_views"), query).content.decode())
    assert 'href="/pedidos/?due=late&sort=deadline"' in page
    other = sign_in(operator)
    assert "Atrasados" not in other.get(reverse("web:list_views"), query).content.decode()
    assert other.post(reverse("web:list_view_delete", args=[row.pk])).status_code == 404
    back = client.post(reverse("web:list_view_delete", args=[row.pk]), {"back": "//fora.example/"})
    assert back["Location"] == "/pedidos/"
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("name", "query", "text"),
    [
        (" ", "", "Dê um nome"),
        ("x" * 61, "", "até 60 letras"),
        ("boa", "q=" + "x" * 600, "longa demais"),
    ],
)
def test_a_view_that_cannot_be_kept_says_why(
    name: str, query: str, text: str, admin: User, sign_in: SignIn
) -> None:
    asked = {"list": "sales:orders", "query": query, "name": name}
    page = sign_in(admin).post(reverse("web:list_views"), asked, follow=True).content.decode()
    assert text in page
    assert not SavedView.objects.exists()
    assert sign_in(admin).post(reverse("web:list_views"), asked | {"list": "x:y"}).status_code == 404


class TestOpenPage:
    """What an open page asks for."""

    @pytest.fixture
    def client(self, admin: User, sign_in: SignIn, orders: list[Order]) -> Client:
        return sign_in(admin)

    def stamp(self, client: Client) -> str:
        return str(client.get(reverse("sales:orders")).context["stamp"])

    def held(self, client: Client) -> str:
        rows = client.get(reverse("sales:orders")).context["rows"]
        return ",".join(f"{row.id}.{row.digest}" for row in rows)

    def test_nothing_newer_is_one_statement_and_no_byte(self, client: Client) -> None:
        stamp = self.stamp(client)
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(reverse("sales:orders"), headers={"X-List-Stamp": stamp})
        assert (answer.status_code, answer.content) == (304, b"")
        assert len(captured) == 3  # the session, the person, the stamp

    def test_a_row_that_changed_is_news_and_comes_alone(self, client: Client, orders: list[Order]) -> None:
        stamp, held = self.stamp(client), self.held(client)
        Order.objects.filter(pk=orders[2].pk).update(status=OrderStatus.SHIPPED)
        answer = client.get(reverse("sales:orders"), headers={"X-List-Stamp": stamp})
        assert (answer.status_code, answer.content) == (204, b"")
        html = client.get(reverse("sales:orders"), headers={"X-List-Rows": held}).content.decode()
        assert re.findall(r'<tr data-row="(\d+)"', html) == [str(orders[2].pk)]
        assert f'data-order="{",".join(str(each.pk) for each in orders)}"' in html
        assert "<html" not in html

    def test_a_new_row_stands_in_its_place(self, client: Client, orders: list[Order], store: Store) -> None:
        held = self.held(client)
        new = Order.objects.create(
            company=store.company, store=store, number=7, items_total=1, total=1, placed_at=timezone.now()
        )
        html = client.get(reverse("sales:orders"), headers={"X-List-Rows": held}).content.decode()
        assert re.findall(r'<tr data-row="(\d+)"', html) == [str(new.pk)]
        assert f'data-order="{new.pk},{orders[0].pk},' in html

    def test_time_that_passes_changes_no_row(self, client: Client, time_machine: Any) -> None:
        time_machine.move_to(timezone.now(), tick=False)
        held = self.held(client)
        time_machine.shift(timedelta(minutes=7))
        html = client.get(reverse("sales:orders"), headers={"X-List-Rows": held}).content.decode()
        assert re.findall(r'<tr data-row="(\d+)"', html) == []

    def test_what_others_own_is_no_news(
        self, client: Client, orders: list[Order], other_company: Company
    ) -> None:
        stamp = self.stamp(client)
        theirs = Store.objects.create(company=other_company, name="Deles", channel="kwai")
        Order.objects.create(
            company=other_company, store=theirs, number=1, items_total=1, total=1, placed_at=timezone.now()
        )
        assert client.get(reverse("sales:orders"), headers={"X-List-Stamp": stamp}).status_code == 304


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "agora"), (300, "há 5 min"), (7300, "há 2 h"), (90_000, "há 1 dia"), (86_400 * 3, "há 3 dias")],
)
def test_times_are_told_as_people_say_them(seconds: int, text: str, time_machine: Any) -> None:
    time_machine.move_to("2026-11-28 12:00+00:00", tick=False)
    at = timezone.now() - timedelta(seconds=seconds)
    shown = Template("{{ at|ago }}").render(Context({"at": at}))
    assert f">{text}</time>" in shown
    assert f'title="{timezone.localtime(at):%d/%m/%Y %H:%M}"' in shown


@pytest.mark.parametrize(
    ("hours", "text", "late"),
    [
        (5, "em 5 h", False),
        (-2, "atrasado 2 h", True),
        (72, "em 3 dias", False),
        (-0.25, "atrasado 15 min", True),
    ],
)
def test_a_deadline_says_how_long(hours: float, text: str, late: bool, time_machine: Any) -> None:
    time_machine.move_to("2026-11-28 12:00+00:00", tick=False)
    at = timezone.now() + timedelta(hours=hours)
    shown = Template("{{ at|due }}").render(Context({"at": at}))
    assert f">{text}</time>" in shown
    assert ("is-late" in shown) is late
