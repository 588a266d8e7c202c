"""*Trabalhos* as a browser without script uses it, and what its part answers to htmx."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Role, User
from erp.work import lease
from erp.work.models import Work, WorkState
from erp.work.running import work_run
from tests.erp.work.conftest import Counting

pytestmark = pytest.mark.django_db
MakeWork = Callable[..., Work]
PAGES = ("work:work", "work:progress")
ACTIONS = ("work:stop", "work:resume")


@pytest.fixture
def client(operator: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(operator)


def html_of(client: Client, name: str, work: Work, **query: Any) -> str:
    answer = client.get(reverse(name, args=[work.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def names(html: str) -> list[str]:
    return re.findall(r"<(?:strong|a href=\"/linha/\d+/\")>(r\d+)<", html)


def test_a_finished_work_shows_every_row_and_stays(
    client: Client, make_work: MakeWork, counting: Counting
) -> None:
    counting.refused = {"r1"}
    work = make_work(3)
    work_run(work_id=work.pk, seconds=60)
    for _ in range(2):  # a reload shows the same
        html = html_of(client, "work:work", work)
        assert "Pronto: 2 feitos, 1 recusado." in html
        assert names(html) == ["r0", "r1", "r2"]
        assert '<a href="/linha/0/">r0</a>' in html
        assert "<div>Troque-a.</div>" in html
        assert "every 1s" not in html
    assert names(html_of(client, "work:work", work, tab="failed")) == ["r1"]


def test_a_work_under_way_asks_again_by_itself(client: Client, make_work: MakeWork) -> None:
    work = make_work(25)
    work_run(work_id=work.pk, seconds=0)
    html = html_of(client, "work:progress", work)
    assert "Na fila: 10 de 25" in html
    assert f'hx-get="{reverse("work:progress", args=[work.pk])}"' in html
    assert "<html" not in html
    assert names(html) == []
    assert "aguardando" in html_of(client, "work:progress", work, rows=1)
    lease.claim(work.pk)
    assert "Em andamento: 10 de 25" in html_of(client, "work:progress", work)


def test_stop_and_resume_without_script(client: Client, make_work: MakeWork) -> None:
    work = make_work(25)
    work_run(work_id=work.pk, seconds=0)
    page = client.post(reverse("work:stop", args=[work.pk]), follow=True).content.decode()
    assert "Parado em 10 de 25" in page
    assert reverse("work:resume", args=[work.pk]) in page
    work.refresh_from_db()
    assert work.state is WorkState.STOPPED
    page = client.post(reverse("work:resume", args=[work.pk]), follow=True).content.decode()
    assert "Na fila: 10 de 25" in page
    assert client.get(reverse("work:stop", args=[work.pk])).status_code == 405


def test_stopping_answers_the_part_to_htmx(client: Client, make_work: MakeWork) -> None:
    work = make_work(5)
    lease.claim(work.pk)
    answer = client.post(
        reverse("work:stop", args=[work.pk]) + "?rows=1", headers={"HX-Request": "true"}
    ).content.decode()
    assert "Parando: 0 de 5" in answer
    assert "<html" not in answer
    assert len(names(answer)) == 5


def test_long_works_are_paged_by_key_forwards_and_back(client: Client, make_work: MakeWork) -> None:
    work = make_work(120)
    work_run(work_id=work.pk, seconds=60)
    pages = [html_of(client, "work:work", work)]
    while more := link_of(pages[-1], "next"):
        pages.append(client.get(work.get_absolute_url() + more).content.decode())
    assert [len(names(page)) for page in pages] == [50, 50, 20]
    assert [name for page in pages for name in names(page)] == [f"r{number}" for number in range(120)]
    before = link_of(pages[2], "prev")
    assert "before=" in before
    assert names(client.get(work.get_absolute_url() + before).content.decode()) == names(pages[1])
    assert not link_of(pages[0], "prev")
    assert "Mostrando 101–120 de 120" in pages[2]
    assert names(html_of(client, "work:work", work, after="x")) == names(pages[0])


def link_of(page: str, rel: str) -> str:
    found = re.search(rf'href="([^"]*)" rel="{rel}"', page)
    return unescape(found[1]) if found else ""


def test_the_list_holds_ones_own_works(
    client: Client, make_work: MakeWork, admin: User, sign_in: Callable[[User], Client]
) -> None:
    mine, other = make_work(1), make_work(2, asked_by=admin)
    html = client.get(reverse("work:list")).content.decode()
    assert mine.get_absolute_url() in html
    assert other.get_absolute_url() not in html
    assert other.get_absolute_url() in sign_in(admin).get(reverse("work:list")).content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_a_work_of_another_company_does_not_exist(
    role: str, make_work: MakeWork, other_company: Company, sign_in: Callable[[User], Client]
) -> None:
    work = make_work(1)
    stranger = User.objects.create_user(username="x", role=role, company=other_company)
    client = sign_in(stranger)
    assert {client.get(reverse(name, args=[work.pk])).status_code for name in PAGES} == {404}
    assert {client.post(reverse(name, args=[work.pk])).status_code for name in ACTIONS} == {404}
    assert work.get_absolute_url() not in client.get(reverse("work:list")).content.decode()
    work.refresh_from_db()
    assert work.stop_asked_at is None


def test_a_role_the_kind_is_not_for_does_not_see_it(
    make_work: MakeWork, viewer: User, sign_in: Callable[[User], Client]
) -> None:
    work = make_work(1, asked_by=viewer)
    assert sign_in(viewer).get(work.get_absolute_url()).status_code == 404


@pytest.mark.parametrize(("name", "query"), [("work:work", {}), ("work:progress", {"rows": "1"})])
def test_statements_do_not_depend_on_the_rows(
    name: str, query: dict[str, str], client: Client, make_work: MakeWork
) -> None:
    def statements(work: Work) -> int:
        html_of(client, name, work, **query)
        with CaptureQueriesContext(connection) as queries:
            html_of(client, name, work, **query)
        return len(queries)

    few, many = make_work(2), make_work(400)
    for work in (few, many):
        work_run(work_id=work.pk, seconds=60)
    assert statements(few) == statements(many)


def test_parts_leave_the_rest_to_the_page(client: Client, make_work: MakeWork, counting: Counting) -> None:
    counting.refused = {"r55", "r56"}
    work = make_work(60)
    work_run(work_id=work.pk, seconds=60)
    html = html_of(client, "work:progress", work, rows=1)
    assert len(names(html)) == 50
    assert "Ver todos os 60" in html
    assert "só os 2 recusados" in html


def test_hostile_names_are_escaped(client: Client, make_work: MakeWork) -> None:
    work = make_work(1)
    work.rows.update(name="<i>x</i>", text="<b>y</b>", outcome="refused")
    assert re.findall(r"<[ib]>[xy]", html_of(client, "work:work", work)) == []
