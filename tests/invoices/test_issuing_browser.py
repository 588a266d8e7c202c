"""*Gerar NF-e de demonstração* in a real browser, from the order to the note."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.accounts.models import Company, User
from erp.sales.models import Order
from invoices.issuing.demonstration.issuer import DemonstrationIssuer
from invoices.models import Invoice
from tests.conftest import PASSWORD
from tests.invoices.conftest import FakeShop
from tests.invoices.issuing.conftest import demonstration, ready_order, sku  # noqa: F401


@pytest.mark.django_db(transaction=True)
def test_fill_in_what_lacks_and_make_the_note(
    live_server: LiveServer,
    page: Page,
    admin: User,
    company: Company,
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    shop: FakeShop,
) -> None:
    order = ready_order()
    Company.objects.filter(pk=company.pk).update(state_registration="")
    problems: list[str] = []
    page.context.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(live_server.url + reverse("sales:order", args=[order.pk]))
    page.fill("input[name=username]", admin.username)
    page.fill("input[name=password]", PASSWORD)
    page.locator("form button").first.click()
    page.get_by_role("link", name="Gerar nota fiscal").click()
    issue = page.get_by_role("button", name="gerar NF-e de demonstração")
    expect(issue).to_be_disabled()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="corrigir").click()
    form = opened.value
    form.get_by_label("Inscrição estadual (IE)").fill("110.042.490.114")
    form.get_by_role("button", name="Salvar", exact=True).click()
    expect(form.get_by_text("Dados da empresa salvos.")).to_be_visible()
    page.get_by_role("link", name="Conferir de novo").click()
    issue.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("NF-e 1 série 1")
    assert Invoice.objects.get().order == order
    assert problems == []
