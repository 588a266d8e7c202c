"""Printing from the list in a real browser: the PDF opens beside the list, which stays."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.accounts.models import Company, User
from invoices.imports import invoices_import
from invoices.models import Invoice, InvoiceStatus
from tests.conftest import PASSWORD
from tests.invoices.factory import nfe_xml


@pytest.mark.django_db(transaction=True)
def test_many_notes_are_printed_beside_the_list(
    page: Page, live_server: LiveServer, company: Company, admin: User
) -> None:
    files = [(f"{n}.xml", nfe_xml(number=n)) for n in (1, 2)]
    invoices_import(company=company, files=files, user=admin)
    page.goto(live_server.url + reverse("invoices:list"))
    page.get_by_label("Usuário").fill(admin.username)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_label("Marcar todas as linhas desta página").check()
    with page.context.expect_event(
        "response", lambda answer: "pdf" in answer.headers["content-type"]
    ) as printed:
        page.get_by_role("button", name="imprimir DANFE").first.click()
    assert printed.value.request.method == "POST"
    assert page.url == live_server.url + reverse("invoices:list")
    page.reload()
    expect(page.get_by_text("Emitida DANFE")).to_have_count(2)
    assert set(Invoice.objects.values_list("status", flat=True)) == {InvoiceStatus.DANFE_ISSUED}
