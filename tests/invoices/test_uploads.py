"""The upload of notes as a work: whoever does it, each file once, and its page keeps what became of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp import scheduling
from erp.accounts.models import Company, User
from erp.sales.models import Order
from erp.work.models import Work, WorkFile, WorkRow, WorkState
from erp.work.running import work_run
from invoices.models import Invoice, RefusedFile
from invoices.uploads import ADDED_WITHIN, upload_take
from tests.invoices.factory import nfe_xml
from tests.invoices.intake.test_archives import zipped

pytestmark = pytest.mark.django_db
NOTES = {f"{number}.xml": nfe_xml(number=number) for number in range(1, 5)}
URL = reverse("invoices:upload")


@pytest.fixture
def client(operator: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(operator)


@pytest.fixture
def later(settings: Any) -> None:
    """The request does one row alone, as when the files are many."""
    settings.WORK_FIRST_SECONDS = 0


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were sent."""
    names: list[str] = []
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: names.append(task))
    return names


def send(client: Client, *files: tuple[str, bytes], **data: Any) -> str:
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    answer = client.post(URL, {"files": sent, **data}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def outcomes(work: Work) -> list[tuple[str, str]]:
    return list(work.rows.order_by("position").values_list("name", "code"))


@pytest.mark.usefixtures("later")
def test_what_the_request_does_not_do_the_worker_does(client: Client) -> None:
    page = send(client, ("lote.zip", zipped({**NOTES, "a.pdf": b"%PDF"})), ("lixo.xml", b"texto"))
    work = Work.objects.get()
    assert Invoice.objects.count() == 1
    assert (work.done, work.total) == (1, 6)
    assert "1 de 6" in page
    assert page.count("aguardando") == 5
    work_run(work_id=work.pk, seconds=60)
    assert outcomes(work) == [
        *((f"lote.zip/{name}", "invoice_upload.imported") for name in NOTES),
        ("lote.zip/a.pdf", "invoice_upload.skipped"),
        ("lixo.xml", "invoice_upload.size"),
    ]
    assert not WorkFile.objects.exists()
    page = client.get(URL, {"work": work.pk}).content.decode()
    assert "Pronto: 4 sem pedido, 1 ignorado, 1 recusada." in page
    assert reverse("invoices:detail", args=[Invoice.objects.get(number=3).pk]) in page


def test_an_upload_that_the_request_does_itself_wakes_nobody(
    client: Client, woken: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    """A worker woken while files still come in would take the work from the request that answers for it."""
    with django_capture_on_commit_callbacks(execute=True):
        send(client, ("a.xml", NOTES["1.xml"]), ("b.xml", NOTES["2.xml"]))
    assert Invoice.objects.count() == 2
    assert "erp.work.tasks.run" not in woken


@pytest.mark.usefixtures("later")
def test_an_upload_that_is_left_wakes_a_worker(
    client: Client, woken: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        send(client, ("a.xml", NOTES["1.xml"]), ("b.xml", NOTES["2.xml"]))
    assert woken.count("erp.work.tasks.run") == 1


@pytest.mark.usefixtures("later")
def test_an_upload_under_way_is_shown_again_after_the_tab_was_closed(client: Client) -> None:
    send(client, ("lote.zip", zipped(NOTES)))
    assert "1 de 4" in client.get(URL).content.decode()
    work_run(work_id=Work.objects.get().pk, seconds=60)
    assert "O que aconteceu" not in client.get(URL).content.decode()


def test_the_page_sends_file_by_file_into_one_work(client: Client) -> None:
    send(client, ("1.xml", NOTES["1.xml"]), fragment="1")
    work = Work.objects.get()
    page = send(client, ("2.xml", NOTES["2.xml"]), fragment="1", work=work.pk)
    assert Work.objects.get().state is WorkState.FINISHED
    assert "Pronto: 2 sem pedido." in page
    assert f'data-work="{work.pk}"' in page


def test_files_are_added_to_ones_own_young_work_for_the_same_order_alone(
    client: Client, admin: User, company: Company, make_order: Callable[..., Order]
) -> None:
    order = make_order()
    old, of_order, others = (
        upload_take(files=[], company=company, user=client_user(client), order=of)
        for of in (None, order, None)
    )
    Work.objects.filter(pk=old.pk).update(created_at=timezone.now() - ADDED_WITHIN - timedelta(minutes=1))
    Work.objects.filter(pk=others.pk).update(asked_by=admin)
    for number, work in enumerate((old, of_order, others), start=1):
        send(client, (f"{number}.xml", NOTES[f"{number}.xml"]), fragment="1", work=work.pk)
    assert list(WorkRow.objects.filter(work__in=[old, of_order, others])) == []
    assert WorkRow.objects.values("work").distinct().count() == 3


def client_user(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_a_file_for_one_order_is_linked_by_the_worker_too(
    client: Client, make_order: Callable[..., Order], settings: Any
) -> None:
    settings.WORK_FIRST_SECONDS = 0
    order = make_order()
    send(client, ("lixo.xml", b"texto"), ("1.xml", NOTES["1.xml"]), order=order.pk)
    work = Work.objects.get()
    assert (work.store, work.chosen) == (order.store, {"order": order.pk})
    work_run(work_id=work.pk, seconds=60)
    assert Invoice.objects.get().order == order
    assert (
        f"order={order.pk}"
        in client.post(URL, {"files": io.BytesIO(b"x"), "order": order.pk}).headers["Location"]
    )


@pytest.mark.usefixtures("later")
def test_stop_leaves_the_rest_and_resume_does_it(client: Client) -> None:
    send(client, ("lote.zip", zipped(NOTES)))
    work = Work.objects.get()
    client.post(reverse("work:stop", args=[work.pk]))
    work_run(work_id=work.pk, seconds=60)
    assert Invoice.objects.count() == 1
    client.post(reverse("work:resume", args=[work.pk]))
    work_run(work_id=work.pk, seconds=60)
    assert Invoice.objects.count() == 4


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<a>" + b"x" * 3_000_000 + b"</a>", "passa de 2 MB"),
        (zipped({f"{n}.xml": b"<a/>" for n in range(501)}), "mais de 500"),
        (zipped({"bomba.xml": b"<" * 2**24}), "se expande"),
        (b"PK\x03\x04" + b"x" * 100, "danificado"),
    ],
    ids=["size", "members", "ratio", "noise"],
)
def test_limits_hold_in_the_worker_and_no_byte_past_them_is_kept(
    client: Client, content: bytes, words: str
) -> None:
    send(client, ("lixo.xml", b"texto"), ("grande.zip", content))
    assert WorkFile.objects.get().size <= 2 * 1024 * 1024 + 1
    work = Work.objects.get()
    work_run(work_id=work.pk, seconds=60)
    assert words in work.rows.get(position=1).text
    assert RefusedFile.objects.filter(file_name="grande.zip").count() == 1


def test_a_file_that_is_gone_says_so(client: Client, settings: Any) -> None:
    settings.WORK_FIRST_SECONDS = 0
    send(client, ("1.xml", NOTES["1.xml"]), ("2.xml", NOTES["2.xml"]))
    WorkFile.objects.all().delete()
    work = Work.objects.get()
    work_run(work_id=work.pk, seconds=60)
    assert work.rows.get(position=1).text == "O ERP não tem mais este arquivo. Envie-o de novo."


def test_an_upload_of_somebody_else_does_not_exist(
    client: Client, admin: User, company: Company, other_company: Company, sign_in: Callable[[User], Client]
) -> None:
    files = [("1.xml", io.BytesIO(NOTES["1.xml"]))]
    work = upload_take(files=files, company=company, user=admin)
    stranger = User.objects.create_user(username="x", role="admin", company=other_company)
    for other in (client, sign_in(stranger)):
        assert other.get(URL, {"work": work.pk}).status_code == 404
    assert sign_in(admin).get(URL, {"work": work.pk}).status_code == 200


def test_statements_of_the_page_do_not_depend_on_the_rows(client: Client) -> None:
    def statements(count: int) -> int:
        files = {f"{count}-{number}.xml": nfe_xml(number=count * 100 + number) for number in range(count)}
        send(client, ("lote.zip", zipped(files)))
        work = Work.objects.latest("pk")
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("work:progress", args=[work.pk]), {"rows": "1"})
        return len(queries)

    assert statements(2) == statements(20)
