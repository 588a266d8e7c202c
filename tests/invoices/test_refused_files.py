"""Files the validation refused: kept once, with reasons, within bounds, seen by whom they concern."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from erp.accounts.models import Company, Role, User
from erp.sales.models import Order
from invoices import refused_files
from invoices.imports import invoices_import
from invoices.intake.parser import MAX_BYTES
from invoices.models import RefusedFile
from invoices.refused_files import refused_file_keep
from tests.invoices.factory import access_key, nfe_xml

BROKEN = nfe_xml(document=lambda text: text.replace("<vNF>170.00", "<vNF>171.00"))


@pytest.fixture
def send(company: Company, admin: User) -> Callable[..., None]:
    def sending(content: bytes, name: str = "nota.xml", order: Order | None = None) -> None:
        invoices_import(company=company, files=[(name, content)], user=admin, order=order)

    return sending


def test_file_and_reasons_are_kept(send: Callable[..., None], admin: User) -> None:
    send(BROKEN)
    row = RefusedFile.objects.get()
    assert bytes(row.content or b"") == BROKEN
    assert (row.file_name, row.sent_by, row.times) == ("nota.xml", admin, 1)
    assert (row.access_key, row.number, row.series) == (access_key(), 123, 1)
    assert [reason["code"] for reason in row.reasons] == ["digest"]
    assert "alterado" in row.texts[0]


def test_equal_bytes_are_one_row_that_counts(send: Callable[..., None]) -> None:
    send(BROKEN)
    send(BROKEN, "outro nome.xml")
    row = RefusedFile.objects.get()
    assert (row.times, row.file_name) == (2, "outro nome.xml")


def test_a_file_accepted_later_leaves_the_refused(send: Callable[..., None], company: Company) -> None:
    note = nfe_xml(environment="production")
    send(note)
    assert RefusedFile.objects.count() == 1
    company.fiscal_environment = "production"
    company.save()
    send(note)
    assert not RefusedFile.objects.exists()


def test_what_is_no_note_claims_nothing(send: Callable[..., None]) -> None:
    send(b"lixo \x00 qualquer")
    row = RefusedFile.objects.get()
    assert (row.access_key, row.number, bytes(row.content or b"")) == ("", None, b"lixo \x00 qualquer")


def test_bytes_larger_than_any_note_are_not_kept(send: Callable[..., None]) -> None:
    send(b"<" + b"x" * MAX_BYTES)
    row = RefusedFile.objects.get()
    assert (row.content, row.size) == (None, MAX_BYTES + 1)


def test_only_the_newest_files_are_kept(
    company: Company, other_company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(whose: Company, content: bytes) -> None:
        refused_file_keep(company=whose, name="x.xml", content=content, checks=[], user=None)

    keep(other_company, b"theirs")
    for number in range(4):
        keep(company, b"file %d" % number)
    monkeypatch.setattr(refused_files, "KEPT_FILES", 3)
    keep(company, b"file 4")
    kept = RefusedFile.objects.filter(company=company)
    assert [bytes(row.content or b"") for row in kept] == [b"file 4", b"file 3", b"file 2"]
    monkeypatch.setattr(refused_files, "KEPT_BYTES", 12)
    keep(company, b"file 5")
    assert [bytes(row.content or b"") for row in kept.all()] == [b"file 5", b"file 4"]
    assert RefusedFile.objects.filter(company=other_company).count() == 1


def test_who_sees_a_refused_file(
    send: Callable[..., None],
    make_order: Callable[..., Order],
    make_user: Callable[..., User],
    operator: User,
    other_company: Company,
) -> None:
    send(b"sem pedido")
    send(b"com pedido", order=make_order())
    outsider = make_user(Role.OPERATOR, username="fora", stores=[])
    foreigner = User.objects.create_user("x", company=other_company, role=Role.ADMIN)
    assert RefusedFile.objects.visible_to(operator).count() == 2
    assert [bytes(row.content or b"") for row in RefusedFile.objects.visible_to(outsider)] == [b"sem pedido"]
    assert not RefusedFile.objects.visible_to(foreigner).exists()
