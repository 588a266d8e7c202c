"""The main pages with real rows: no errors on the console, nothing axe calls serious, no sideways scroll."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from erp.accounts.models import Company, User
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from erp.stock.models import StockReservation
from invoices.imports import invoices_import
from invoices.models import Invoice
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiOrder
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.push_requests import invoice_request
from kwai_integration.setup.step import SLUGS
from kwai_integration.setup.stores import store_activate, store_install
from kwai_integration.wire.codes import KwaiInvoiceStatus
from kwai_sandbox.server import RunningSandbox
from tests.conftest import PASSWORD
from tests.e2e.conftest import Problems
from tests.invoices.factory import nfe_xml

MERCHANT = "100000000000000101"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
PAGES = (
    "web:home",
    "kwai:stores",
    "kwai:store_add",
    "kwai:orders",
    "kwai:links",
    "kwai:jobs",
    "sales:orders",
    "invoices:list",
    "invoices:upload",
    "invoices:unlinked",
    "invoices:months",
    "expedition:list",
    "expedition:include",
    "expedition:tracking_import",
    "expedition:scan",
    "catalog:products",
    "catalog:product_create",
    "stock:balances",
    "stock:warehouses",
    "stock:warehouse_create",
    "sales:carriers",
    "sales:shipping_methods",
    "sales:payment_methods",
    "company",
    "users",
    "user_create",
)


def orders_bring(kwai: RunningSandbox, work: Callable[[], None]) -> None:
    """Connect the demonstration's company, read the seed's orders and receive them."""
    user = User.objects.get(username="demo")
    company = user.company
    assert isinstance(company, Company)
    store = store_install(company=company, name="Kwai Shop", user=user)
    code = kwai.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    account = store.kwai_account
    account.merchant_id, account.health = MERCHANT, ConnectionHealth.OK
    account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
    account.save()
    store.refresh_from_db()
    store_activate(store=store, user=user)
    work()
    kwai_orders_receive(ids=list(KwaiOrder.objects.values_list("pk", flat=True)), actor=user)


def notes_bring(order: Order) -> Invoice:
    """A note of the order that Kwai refused, one without an order and a refused file."""
    company = order.company
    ours = nfe_xml(total=order.total, recipient_tax_id=order.buyer.tax_id, order_reference=order.external_id)
    files = [("nota.xml", ours), ("sem-pedido.xml", nfe_xml(number=2)), ("outro.xml", b"<outro/>")]
    linked, *_ = invoices_import(company=company, files=files, user=None)
    assert linked.invoice is not None, linked
    PushJob.objects.create(
        store_id=order.store_id,
        kind=Kind.SEND_INVOICE,
        subject=order.external_id,
        idempotency_key=invoice_request(linked.invoice, order).key,
        step=Kind.SEND_INVOICE.step,
        state=JobState.DONE,
        finished_at=timezone.now(),
    )
    KwaiOrder.objects.filter(order=order).update(
        invoice_status=KwaiInvoiceStatus.REFUSED, invoice_refusal_reason="Inscrição estadual divergente"
    )
    return linked.invoice


def faults_of(page: Page) -> list[str]:
    """What axe finds serious or critical, and whether the page is wider than a phone."""
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    violations = Axe().run(page).response["violations"]
    found = [
        f"{each['id']}: {each['nodes'][0]['html'][:160]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    width = page.evaluate("document.documentElement.scrollWidth")
    return found + ([f"{width} px wide on a phone"] if width > PHONE["width"] else [])


@pytest.mark.django_db(transaction=True)
def test_main_pages(
    problems: Problems,
    page: Page,
    live_server: LiveServer,
    kwai: RunningSandbox,
    shop: None,
    work: Callable[[], None],
) -> None:
    orders_bring(kwai, work)
    kwai_order = KwaiOrder.objects.filter(order__isnull=False).earliest("pk")
    reserved = StockReservation.objects.select_related("sku").earliest("pk")
    user = User.objects.get(username="demo")
    draft = store_install(company=kwai_order.store.company, user=user)
    note = notes_bring(Order.objects.get(pk=kwai_order.order_id))
    # A consent that ends soon: every page carries the notice.
    soon = timezone.now() + timedelta(days=20)
    KwaiAccount.objects.filter(pk=kwai_order.store_id).update(refresh_expires_at=soon)
    addresses = [
        *(reverse(name) for name in PAGES),
        *(reverse("kwai:store_step", args=[kwai_order.store_id, slug]) for slug in SLUGS.values()),
        reverse("kwai:store_step", args=[draft.pk, "conexao"]),
        reverse("kwai:store_step", args=[draft.pk, "mapeamentos"]),
        reverse("kwai:store_guide", args=[kwai_order.store_id]),
        reverse("kwai:order", args=[kwai_order.pk]),
        reverse("sales:order", args=[kwai_order.order_id]),
        reverse("sales:order_shipping", args=[kwai_order.order_id]),
        f"{reverse('invoices:issue')}?order={kwai_order.order_id}",
        f"{reverse('invoices:issue')}?order={kwai_order.order_id}&order={kwai_order.order_id + 1}",
        f"{reverse('catalog:product', args=[reserved.sku.product_id])}?fiscal=1",
        *(reverse(f"stock:{name}", args=[reserved.sku_id]) for name in ("sku", "count")),
        reverse("user", args=[user.pk]),
        reverse("catalog:product", args=[reserved.sku.product_id]),
        *(reverse(f"invoices:{name}", args=[note.pk]) for name in ("detail", "correct", "xml_view")),
        f"{reverse('invoices:list')}?tab=rejected",
    ]
    page.goto(live_server.url)
    faults = {"login": faults_of(page)}
    page.get_by_label("Usuário").fill("demo")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url(live_server.url + "/")
    for address in addresses:
        page.goto(live_server.url + address)
        faults[address] = faults_of(page)
    assert {address: found for address, found in faults.items() if found} == {}
    assert problems == []
