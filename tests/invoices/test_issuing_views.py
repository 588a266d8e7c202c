"""*Gerar nota fiscal*: what is lacking with a way to each field, and one result per order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Role, User
from erp.catalog.models import Sku
from erp.sales.models import Order, OrderStatus
from invoices.issuing.demonstration.issuer import DemonstrationIssuer
from invoices.issuing.models import InvoiceIssue
from invoices.models import Invoice
from tests.invoices.issuing.conftest import demonstration, ready_order, sku  # noqa: F401

SignIn = Callable[[User], Client]
ReadyOrder = Callable[..., Order]
URL = reverse("invoices:issue")


def page(client: Client, *orders: Order) -> str:
    return client.get(URL, {"order": [order.pk for order in orders]}).content.decode()


def confirm(client: Client, *orders: Order) -> str:
    posted = {"confirm": "1", "ids": [order.pk for order in orders]}
    return client.post(URL, posted, follow=True).content.decode()


def test_the_list_leads_its_chosen_rows_to_the_page(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, operator: User, sign_in: SignIn
) -> None:
    orders = [ready_order(external_id="1"), ready_order(external_id="2")]
    client = sign_in(operator)
    chosen = {"action": "issue", "ids": [order.pk for order in orders]}
    shown = client.post(reverse("sales:orders"), chosen, follow=True).content.decode()
    assert "gerar NF-e de demonstração (2 de 2)" in shown
    assert not InvoiceIssue.objects.exists()


def test_a_complete_order_becomes_a_note_and_its_page_opens(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, operator: User, sign_in: SignIn
) -> None:
    order, client = ready_order(), sign_in(operator)
    shown = page(client, order)
    assert "Nada falta para a nota" in shown
    assert "61091000" in shown
    assert "NF-e 1 série 1 autorizada." in confirm(client, order)
    assert Invoice.objects.get().order == order


def test_each_lack_links_to_its_field(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    sku: Sku,
    company: Company,
    admin: User,
    sign_in: SignIn,
) -> None:
    Sku.objects.update(ncm="")
    Company.objects.filter(pk=company.pk).update(state_registration="")
    order = ready_order(address={"district": ""})
    shown = page(sign_in(admin), order)
    assert f"{reverse('catalog:product', args=[sku.product_id])}?fiscal=1#fiscal" in shown
    assert f"{reverse('company')}#id_state_registration" in shown
    assert f"{reverse('sales:order_address', args=[order.pk])}#id_district" in shown
    assert "disabled" in shown


def test_an_operator_is_not_led_to_what_only_an_administrator_changes(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    company: Company,
    operator: User,
    sign_in: SignIn,
) -> None:
    Company.objects.filter(pk=company.pk).update(state_registration="")
    shown = page(sign_in(operator), ready_order())
    assert "falta a inscrição estadual" in shown
    assert f"{reverse('company')}#" not in shown


def test_many_orders_get_a_result_each(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, operator: User, sign_in: SignIn
) -> None:
    good, unpaid = ready_order(external_id="1"), ready_order(external_id="2", status=OrderStatus.OPEN)
    client = sign_in(operator)
    assert "gerar NF-e de demonstração (1 de 2)" in page(client, good, unpaid)
    shown = confirm(client, good, unpaid)
    assert "NF-e 1 série 1 autorizada." in shown
    assert "ainda não está pago" in shown
    assert Invoice.objects.count() == 1


def test_orders_out_of_reach_are_not_there(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    make_user: Callable[..., User],
    sign_in: SignIn,
) -> None:
    order, client = ready_order(), sign_in(make_user(Role.OPERATOR, stores=[]))
    assert "Nenhum pedido escolhido" in page(client, order)
    confirm(client, order)
    assert not InvoiceIssue.objects.exists()


def test_a_company_that_imports_sees_what_lacks_and_where_to_upload(
    ready_order: ReadyOrder, operator: User, sign_in: SignIn
) -> None:
    order = ready_order()
    shown = page(sign_in(operator), order)
    assert f"{reverse('invoices:upload')}?order={order.pk}" in shown
    assert "falta a inscrição estadual" in shown
    assert "demonstração" not in shown
    assert 'name="confirm"' not in shown


def test_a_refused_attempt_is_still_told(
    demonstration: DemonstrationIssuer,
    ready_order: ReadyOrder,
    company: Company,
    operator: User,
    sign_in: SignIn,
) -> None:
    order = ready_order()
    InvoiceIssue.objects.create(
        company=company,
        order=order,
        attempt=1,
        issuer="demonstration",
        environment="homologation",
        state="refused",
        reason="NCM inexistente",
    )
    assert "Última tentativa: NCM inexistente" in page(sign_in(operator), order)


def test_a_page_of_orders_costs_the_same_as_one(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, operator: User, sign_in: SignIn
) -> None:
    orders, client = [ready_order(external_id=str(number)) for number in range(9)], sign_in(operator)
    page(client, orders[0])

    def counted(*shown: Order) -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client, *shown)
        return len(captured)

    assert counted(*orders[:2]) == counted(*orders)


@pytest.mark.parametrize(
    ("status", "shown"),
    [(OrderStatus.APPROVED, True), (OrderStatus.SHIPPED, False), (OrderStatus.CANCELLED, False)],
)
def test_the_order_page_offers_it_until_the_parcel_left(
    status: OrderStatus, shown: bool, ready_order: ReadyOrder, operator: User, sign_in: SignIn
) -> None:
    order = ready_order(status=status)
    content = sign_in(operator).get(reverse("sales:order", args=[order.pk])).content.decode()
    assert (f"{URL}?order={order.pk}" in content) is shown


def test_who_only_looks_is_not_offered_it(ready_order: ReadyOrder, viewer: User, sign_in: SignIn) -> None:
    order = ready_order()
    assert URL not in sign_in(viewer).get(reverse("sales:order", args=[order.pk])).content.decode()


def test_a_note_made_here_is_cancelled_from_its_page(
    demonstration: DemonstrationIssuer, ready_order: ReadyOrder, operator: User, sign_in: SignIn
) -> None:
    client = sign_in(operator)
    confirm(client, ready_order())
    invoice = Invoice.objects.get()
    address = reverse("invoices:cancel", args=[invoice.pk])
    assert address in client.get(invoice.get_absolute_url()).content.decode()
    short = client.post(address, {"reason": "erro"}).content.decode()
    assert "15" in short
    said = client.post(address, {"reason": "Comprador desistiu da compra"}, follow=True).content.decode()
    assert "foi cancelada" in said
    assert address not in said
