"""After the notes: print them, and group their orders without searching them again."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from erp.accounts.models import User
from erp.sales.models import Order, OrderStatus
from invoices.issuing.demonstration.issuer import DemonstrationIssuer
from invoices.models import Invoice
from invoices.printing.printouts import InvoicePrintout
from tests.invoices.conftest import FakeShop
from tests.invoices.factory import nfe_xml
from tests.invoices.issuing.conftest import demonstration, ready_order, sku  # noqa: F401

REFERENCE = "9007199254740993123"
MakeOrder = Callable[..., Order]


@pytest.fixture
def client(operator: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(operator)


def offered(page: str, label: str) -> list[int]:
    """The rows that the button sends along."""
    found = re.search(rf'name="ids" value="([\d,]+)">\s*<button[^>]*>{re.escape(label)}<', page)
    return [int(pk) for pk in found[1].split(",")] if found else []


def test_notes_that_were_made_are_printed_and_their_orders_grouped_next(
    demonstration: DemonstrationIssuer,
    ready_order: MakeOrder,
    client: Client,
) -> None:
    orders = [ready_order(external_id="1"), ready_order(external_id="2")]
    posted = {"confirm": "1", "ids": [order.pk for order in orders]}
    page = client.post(reverse("invoices:issue"), posted, follow=True).text
    assert sorted(offered(page, "imprimir DANFE (2)")) == sorted(Invoice.objects.values_list("pk", flat=True))
    assert sorted(offered(page, "agrupar (2)")) == [order.pk for order in orders]
    # The page of one note, where a single order ends, has both too.
    page = client.get(Invoice.objects.get(order=orders[0]).get_absolute_url()).text
    assert f"{reverse('expedition:include')}?pedidos={orders[0].pk}" in page


def test_notes_that_were_uploaded_are_offered_the_same(client: Client, make_order: MakeOrder) -> None:
    order = make_order()
    files = [SimpleUploadedFile("a.xml", nfe_xml(order_reference=REFERENCE), "text/xml")]
    page = client.post(reverse("invoices:upload"), {"files": files}, follow=True).text
    assert offered(page, "imprimir DANFE (1)") == [Invoice.objects.get().pk]
    assert offered(page, "agrupar (1)") == [order.pk]


def test_the_list_prints_in_another_tab_and_groups_the_same_ticks(
    client: Client, make_order: MakeOrder, shop: FakeShop
) -> None:
    order = make_order()
    files = [SimpleUploadedFile("a.xml", nfe_xml(order_reference=REFERENCE), "text/xml")]
    client.post(reverse("invoices:upload"), {"files": files})
    note = Invoice.objects.get()
    ticked = {"ids": str(note.pk)}
    paper = client.post(reverse("invoices:list"), ticked | {"action": InvoicePrintout.DANFE})
    assert paper["Content-Type"] == "application/pdf"
    answer = client.post(reverse("invoices:list"), ticked | {"action": "group"}, follow=True)
    assert answer.redirect_chain[-1] == (f"{reverse('expedition:include')}?pedidos={order.pk}", 302)
    reasons = client.post(reverse("invoices:list"), ticked | {"ask": "reasons"}).json()["reasons"]
    assert reasons["group"] == [0, ""]
    Order.objects.update(status=OrderStatus.SHIPPED)
    reasons = client.post(reverse("invoices:list"), ticked | {"ask": "reasons"}).json()["reasons"]
    assert "Só um pedido faturado" in reasons["group"][1]
