"""Reading the register, with sources of the tests' own: branches of the company that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from erp.accounts.models import Branch, Company, Role, User
from erp.accounts.permissions import Permission
from erp.attention import register
from erp.attention.board import Board, everything_of
from erp.attention.register import Item, ItemsSource, Repair, RowsSource, Severity
from erp.web import registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "_sources", {})
    monkeypatch.setattr(register, "_severities", {})


def branches(company: Company, count: int) -> None:
    Branch.objects.bulk_create(
        Branch(company=company, name="F", tax_id=f"{company.pk}{number}", state_code="SP", city="x")
        for number in range(count)
    )


def waiting(key: str = "test.branches", **fields: Any) -> None:
    register.register(
        RowsSource(
            **{
                "key": key,
                "label": "Filiais",
                "icon": "box",
                "rows": lambda user: Branch.objects.filter(company_id=user.company_id),
                "watched": lambda user: [Branch.objects.all()],
                "one": "filial espera",
                "many": "filiais esperam",
                "repair": "Ver",
                "url_name": "web:home",
                "query": "tab=waiting",
                **fields,
            }
        )
    )


def saying(*texts: str, key: str = "test.said", severity: Severity = Severity.WARNING, **fields: Any) -> None:
    def items(user: User) -> Iterator[Item]:
        return (Item(key=key, sentence=text, url="/x/", repair=Repair("ver", "/x/")) for text in texts)

    register.register(
        ItemsSource(
            severities={key: severity},
            items=items,
            watched=lambda user: (),
            **{"permission": Permission.VIEW, **fields},
        )
    )


def test_a_card_says_how_many_and_leads_to_them(admin: User, company: Company) -> None:
    waiting()
    assert Board(admin).cards == []
    branches(company, 1)
    (card,) = Board(admin).cards
    assert (card.figure, card.sentence, card.url) == ("1", "filial espera", "/?tab=waiting")
    assert card.severity is Severity.WORK
    branches(Company.objects.create(name="x", tax_id="9"), 3)
    assert Board(admin).cards == [card]
    Branch.objects.create(company=company, name="F", tax_id="outra", state_code="SP", city="x")
    assert Board(admin).cards[0].sentence == "filiais esperam"


def test_cards_come_in_the_order_their_apps_chose(admin: User, company: Company) -> None:
    branches(company, 1)
    waiting("test.last", label="c", order=30)
    saying("b", key="test.second", on_home=True, order=20)
    waiting("test.first", label="a", order=10)
    assert [item.key for item in Board(admin).cards] == ["test.first", "test.second", "test.last"]


def test_banners_come_worst_first_and_are_no_cards(admin: User) -> None:
    saying("ler", key="test.info", severity=Severity.INFO)
    saying("cuidado", "cuidado também", key="test.warning")
    saying("parado", key="test.danger", severity=Severity.DANGER)
    board = Board(admin)
    assert [item.sentence for item in board.banners] == ["parado", "cuidado", "cuidado também", "ler"]
    assert board.cards == []


@pytest.mark.parametrize("role", list(Role))
def test_everybody_sees_what_their_role_may(
    role: Role, make_user: Callable[..., User], company: Company
) -> None:
    branches(company, 1)
    for permission in (Permission.VIEW, Permission.OPERATE, Permission.MANAGE):
        waiting(f"test.{permission}", permission=permission)
        saying(permission, key=f"said.{permission}", permission=permission)
    may = {"viewer": 1, "operator": 2, "admin": 3}[role]
    board = Board(make_user(role))
    assert (len(board.cards), len(board.banners)) == (may, may)
    assert len(board.figures({"test.view", "test.operate", "test.manage"})) == may


def test_all_is_counted_in_one_statement_and_once(admin: User, company: Company) -> None:
    branches(company, 2)
    for number in range(5):
        waiting(f"test.{number}")
    board = Board(User.objects.select_related("company").get(pk=admin.pk))
    with CaptureQueriesContext(connection) as captured:
        assert board.figures({"test.3"}) == {"test.3": "2"}
        assert len(board.cards) == 5
        assert board.figures({"test.1", "test.3", "unknown"}) == {"test.1": "2", "test.3": "2"}
    assert len(captured) == 2


def test_rows_of_nobody_count_nothing(admin: User) -> None:
    waiting(rows=lambda user: Branch.objects.none())
    assert Board(admin).cards == []


def test_the_whole_company_is_read_without_a_person(admin: User, company: Company) -> None:
    branches(company, 2)
    waiting(permission=Permission.MANAGE)
    assert Board(everything_of(company)).cards == Board(admin).cards


def test_a_known_key_takes_the_place_of_the_former(admin: User) -> None:
    saying("antes", severity=Severity.DANGER)
    saying("depois")
    assert [(item.sentence, item.severity) for item in Board(admin).banners] == [("depois", Severity.WARNING)]


def test_the_pages_show_what_the_board_says(
    admin: User, company: Company, sign_in: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_sidebar", {})
    registry.sidebar_register(
        section="início", label="Filiais", url_name="web:home", icon="home", attention="test.branches"
    )
    waiting()
    client = sign_in(admin)
    html = client.get("/").content.decode()
    assert "Nada pendente" in html
    assert "sidebar-badge" not in html
    branches(company, 2)
    saying("<b>parado</b>", severity=Severity.DANGER)
    html = client.get("/").content.decode()
    assert '<span class="badge sidebar-badge">2</span>' in html
    assert 'href="/?tab=waiting">2</a>' in html
    assert "shell-notice-danger" in html
    assert "&lt;b&gt;parado&lt;/b&gt;" in html
    cards = client.get("/", headers={"HX-Target": "home-cards"}).content.decode()
    assert cards.lstrip().startswith('<div id="home-cards"')
    assert "filiais esperam" in cards
