"""Every situation by another code and another label, through the settings alone: the product shows those and none
of the table's own, and sends what the roles permit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp import channels
from erp.accounts.models import Company, User
from erp.catalog.models import Sku
from erp.channels import ChannelAction
from erp.sales.defaults import company_defaults_create
from erp.sales.models import Carrier, Order, ShippingKind, ShippingMethod
from erp.sales.statuses import OrderStatus
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings, SyncCursor
from kwai_integration.setup.stores import store_activate, store_install
from kwai_integration.situations import DEFAULT_STATUSES
from kwai_integration.wire.codes import SITUATIONS, KwaiRole
from kwai_sandbox.dialect import dialect_parse
from kwai_sandbox.server import running
from tests.kwai_integration.inbound.conftest import MERCHANT, Kwai, sku
from tests.kwai_integration.outbound.conftest import Desk, status_of, wakes

__all__ = ["sku", "wakes"]
pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]

INVENTED = {
    f"X{place}{row.code}Z": {"role": row.role.value, "label": f"Zebra {place} listrada"}
    for place, row in enumerate(SITUATIONS.values())
}
CODES = dict(zip(SITUATIONS, INVENTED, strict=True))
LABELS = [str(row["label"]) for row in INVENTED.values()]
# Words that the ERP also uses for its own situations prove nothing.
OWN = {"Enviado", "Recebido", "Concluído"}
FORMER = [row.label for row in SITUATIONS.values() if row.label not in OWN]


@pytest.fixture
def desk(settings: Any, company: Company, admin: User, sku: Sku) -> Iterator[Desk]:
    """A platform that speaks the invented codes, and a store installed under them."""
    settings.KWAI_STATUS_ROLES = INVENTED
    company_defaults_create(company)
    store = store_install(company=company, user=admin)
    KwaiSettings.objects.update(auto_receive=True)
    with running(dialect=dialect_parse({"codes": CODES}, ())) as sandbox:
        settings.KWAI_API_URL = sandbox.url
        sandbox.control("POST", "merchants", {"merchantId": MERCHANT, "shopName": "Loja"})
        code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
        account = KwaiAccount.objects.get(store=store)
        account.merchant_id, account.health = MERCHANT, ConnectionHealth.OK
        account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
        account.save()
        store_activate(store=store, user=admin)
        SyncCursor.objects.update(due_at=timezone.now(), watermark=timezone.now() - timedelta(hours=1))
        carrier = Carrier.objects.create(company=company, name="Jadlog", code="JADLOG")
        method = ShippingMethod.objects.create(
            company=company, name="Jadlog Package", kind=ShippingKind.CARRIER, carrier=carrier
        )
        yield Desk(Kwai(sandbox, store), company, method)


def shown(page: str) -> tuple[set[str], set[str]]:
    """Invented and former labels on a page."""
    return {label for label in LABELS if label in page}, {label for label in FORMER if label in page}


def test_every_page_shows_the_invented_and_none_of_the_old(desk: Desk, admin: User, sign_in: SignIn) -> None:
    for code in SITUATIONS:
        desk.kwai.orders(1, status=int(code))
    desk.kwai.poll()
    found = {order.remote_status: order.status for order in Order.objects.all()}
    assert found == {code: DEFAULT_STATUSES[KwaiRole(row["role"])].value for code, row in INVENTED.items()}
    client = sign_in(admin)
    store = desk.kwai.store
    pages = {
        "orders": reverse("kwai:orders"),
        "mapping": reverse("kwai:store_step", args=[store.pk, "mapeamentos"]),
        "import": reverse("kwai:store_step", args=[store.pk, "pedidos"]),
    }
    for name, address in pages.items():
        page = client.get(address).content.decode()
        assert shown(page) == (set(LABELS), set()), name
    mapping = client.get(pages["mapping"]).content.decode()
    assert [code for code in SITUATIONS if f'<span class="code">{code}</span>' in mapping] == []
    options = re.findall(r'<option value="([^"]+)"', client.get(pages["orders"]).content.decode())
    assert set(INVENTED) <= set(options)
    assert not set(SITUATIONS) & set(options)
    for order in Order.objects.all():
        page = client.get(reverse("sales:order", args=[order.pk])).content.decode()
        assert shown(page)[0] == {INVENTED[order.remote_status]["label"]}
        assert shown(page)[1] == set()
    assert shown(client.get("/").content.decode())[1] == set()


def test_a_filter_by_an_invented_code_finds_its_orders(desk: Desk, admin: User, sign_in: SignIn) -> None:
    (paid,), (closed,) = desk.orders(1), desk.orders(1, status=60)
    page = sign_in(admin).get(reverse("kwai:orders"), {"status": paid.remote_status}).content.decode()
    assert paid.external_id in page
    assert closed.external_id not in page


def test_a_push_follows_the_roles_behind_the_invented_codes(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    assert status_of(order) == OrderStatus.SHIPPED
    desk.kwai.poll()
    order.refresh_from_db()
    assert INVENTED[order.remote_status]["role"] == KwaiRole.SHIPPED
    refused = channels.check(ChannelAction.SEND_INVOICE, [shipment.invoice_id or 0])[shipment.invoice_id or 0]
    assert shown(refused) == ({INVENTED[order.remote_status]["label"]}, set())
    desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
    desk.push()
    assert status_of(order) == OrderStatus.DELIVERED
