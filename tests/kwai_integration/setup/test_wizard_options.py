"""Every option does what it says: somebody reads it, and the import follows it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from erp.accounts.models import Store
from erp.sales.models import Buyer, DeliveryAddress, Order, OrderEvent
from erp.sales.ownership import buyer_edit
from kwai_integration.inbound.plan import store_receive, stores_to_receive
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import KwaiOrder, KwaiOrderState, KwaiSettings
from kwai_integration.setup.step import StepForm
from kwai_integration.setup.wizard import STEPS
from tests.kwai_integration.codes import CLOSED, PAID, SHIPPED, UNPAID
from tests.kwai_integration.inbound.conftest import (  # noqa: F401
    FETCHED,
    UPDATED_MS,
    Kwai,
    detail,
    kwai,
    kwai_store,
    sku,
)
from tests.kwai_integration.outbound.conftest import Desk, desk, wakes  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]
# Setting -> the module that acts on it.
READERS = {
    "name": "kwai_integration/connection_trouble.py",
    "stock_exit_at": "erp/sales/stock.py",
    "setup_step": "kwai_integration/setup/wizard.py",
    "history_days": "kwai_integration/setup/stores.py",
    "import_roles": "kwai_integration/inbound/import_filter.py",
    "auto_receive": "kwai_integration/inbound/plan.py",
    "allow_backwards": "kwai_integration/inbound/orders/situations.py",
    "format_names": "kwai_integration/inbound/orders/rules.py",
    "import_freight": "kwai_integration/inbound/orders/rules.py",
    "warehouse": "kwai_integration/inbound/orders/rules.py",
    "judged_up_to": "kwai_integration/inbound/judging.py",
    "judged_moved": "kwai_integration/inbound/judging.py",
    "unknown_shipping": "kwai_integration/inbound/orders/rules.py",
    "auto_arrange": "kwai_integration/outbound/automation.py",
    "arrange_handover": "kwai_integration/outbound/handlers/arrange.py",
    "label_format": "kwai_integration/outbound/labels.py",
    "auto_send_invoice": "kwai_integration/outbound/automation.py",
    "auto_send_tracking": "kwai_integration/outbound/automation.py",
    "auto_confirm_delivery": "kwai_integration/outbound/automation.py",
}
# Who is at home in a store, whoever reads it.
OWN_COLUMNS = {"updated_at", "id", "company", "channel", "lifecycle", "created_at", "activated_at"}


def names_read(module: str) -> set[str]:
    """Attributes and words of lookups that the code of a module reads."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr.removesuffix("_id"))
        elif isinstance(node, ast.keyword) and node.arg:
            found.update(node.arg.split("__"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(node.value.split("__"))
    return found


def options_of_stores() -> set[str]:
    """Everything somebody can set for a store."""
    own = {field.name for field in KwaiSettings._meta.fields if not field.primary_key}
    return (own | {field.name for field in Store._meta.fields}) - OWN_COLUMNS


def test_every_setting_has_a_reader() -> None:
    assert set(READERS) == options_of_stores()
    assert [name for name, module in READERS.items() if name not in names_read(module)] == []


@pytest.mark.django_db
def test_every_field_of_a_step_is_stored_somewhere(store: Store) -> None:
    KwaiSettings.objects.create(store=store)
    for step in STEPS:
        form = step.form_class
        if form is None:
            continue
        fields = set(form(store=Store.objects.select_related("kwai_settings").get()).fields)
        fixed = {name for name in fields if ":" not in name and not name.startswith("new_")}
        assert fixed <= set(READERS), step.key


def test_every_step_form_tells_what_it_stores() -> None:
    assert all(issubclass(step.form_class, StepForm) for step in STEPS if step.form_class)


def take_in(store: Store, *details: Any) -> list[str]:
    staged = kwai_orders_stage(store=store, details=details, fetch_started_at=FETCHED)
    return [result.text for result in kwai_orders_receive(ids=staged.ids)]


def let_in(*roles: str, **others: Any) -> None:
    KwaiSettings.objects.update(import_roles=list(roles), **others)


@pytest.mark.django_db
def test_an_order_outside_the_gate_waits_and_follows_when_it_changes(kwai_store: Store, sku: Any) -> None:
    let_in("awaiting_invoice", auto_receive=True)
    waiting, *_ = take_in(kwai_store, detail(0, orderStatus=UNPAID), detail(1, orderStatus=PAID))
    assert "Aguardando pagamento" in waiting
    assert "Integrações › Pedidos" in waiting
    assert KwaiOrder.objects.filter(state=KwaiOrderState.STAGED).count() == 1
    assert (Order.objects.count(), stores_to_receive(), store_receive(kwai_store.pk)) == (1, [], 0)
    paid = detail(0, orderStatus=PAID, updateTime=UPDATED_MS + 1)
    kwai_orders_stage(store=kwai_store, details=[paid], fetch_started_at=FETCHED)
    assert stores_to_receive() == [kwai_store.pk]
    store_receive(kwai_store.pk)
    assert Order.objects.count() == 2


@pytest.mark.django_db
def test_a_received_order_follows_whatever_the_gate_says(kwai_store: Store, sku: Any) -> None:
    take_in(kwai_store, detail(0, orderStatus=PAID))
    let_in("awaiting_payment")
    take_in(kwai_store, detail(0, orderStatus=CLOSED, updateTime=UPDATED_MS + 1))
    assert Order.objects.get().status == "cancelled"


@pytest.mark.django_db
def test_a_situation_without_a_role_passes_the_gate(kwai_store: Store, sku: Any) -> None:
    let_in("awaiting_invoice")
    take_in(kwai_store, detail(0, orderStatus=33))
    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_opening_the_gate_lets_in_what_waited(kwai_store: Store, sku: Any) -> None:
    let_in("awaiting_invoice", auto_receive=True)
    take_in(kwai_store, detail(0, orderStatus=SHIPPED))
    let_in("awaiting_invoice", "shipped")
    store_receive(kwai_store.pk)
    assert Order.objects.get().status == "shipped"


@pytest.mark.django_db
def test_the_poll_holds_the_gate(kwai: Kwai, sku: Any) -> None:
    let_in("awaiting_invoice", auto_receive=True)
    kwai.orders(2, status=UNPAID)
    kwai.orders(1, status=PAID)
    assert (kwai.poll().received, Order.objects.count(), KwaiOrder.objects.count()) == (1, 1, 3)


@pytest.mark.django_db
def test_an_unlinked_order_outside_the_gate_does_not_keep_the_worker_busy(
    kwai_store: Store, sku: Any
) -> None:
    from tests.kwai_integration.inbound.conftest import line

    take_in(kwai_store, detail(0, orderItemView=[line("NEW-7")]))
    row = KwaiOrder.objects.get()
    assert row.state == KwaiOrderState.UNLINKED
    row.waiting_for.all().update(sku=sku)
    let_in("shipped", auto_receive=True)
    assert store_receive(kwai_store.pk) == 0
    let_in("awaiting_invoice", auto_receive=True)
    assert store_receive(kwai_store.pk) == 1


def named(name: str) -> dict[str, Any]:
    return {"receiverAddressInfo": {**detail()["receiverAddressInfo"], "name": name}}


@pytest.mark.django_db
def test_names_are_written_as_the_store_wants_them(kwai_store: Store, sku: Any) -> None:
    take_in(kwai_store, detail(0, **named("ANA MARIA DE SOUZA")))
    KwaiSettings.objects.update(format_names=True)
    take_in(kwai_store, detail(1, **named("ANA MARIA DE SOUZA")))
    first, second = Buyer.objects.order_by("pk")
    assert (first.name, second.name) == ("ANA MARIA DE SOUZA", "Ana Maria de Souza")
    assert DeliveryAddress.objects.order_by("pk")[1].recipient == "Ana Maria de Souza"
    # Switching it on is no news of the platform: what came as it came stays so.
    take_in(kwai_store, detail(0, updateTime=UPDATED_MS + 1, **named("ANA MARIA DE SOUZA")))
    assert Buyer.objects.order_by("pk")[0].name == "ANA MARIA DE SOUZA"


@pytest.mark.django_db
def test_the_name_of_a_company_stays_as_it_is_registered(kwai_store: Store, sku: Any) -> None:
    KwaiSettings.objects.update(format_names=True)
    company = named("PADARIA DO ZÉ LTDA ME")
    company["receiverAddressInfo"]["cpf"] = "11222333000181"
    take_in(kwai_store, detail(0, **company))
    assert Buyer.objects.get().name == DeliveryAddress.objects.get().recipient == "PADARIA DO ZÉ LTDA ME"


@pytest.mark.django_db
def test_a_formatted_name_is_no_proposal_to_an_operator(kwai_store: Store, sku: Any, admin: Any) -> None:
    KwaiSettings.objects.update(format_names=True)
    take_in(kwai_store, detail(0, **named("ANA SOUZA")))
    buyer_edit(order=Order.objects.get(), fields={"phone": "11999990000"}, actor=admin)
    take_in(kwai_store, detail(0, updateTime=UPDATED_MS + 1, buyerRemark="oi", **named("ANA SOUZA")))
    assert Buyer.objects.get().proposal is None


@pytest.mark.django_db
def test_without_freight_neither_freight_nor_total_hold_it(kwai_store: Store, sku: Any) -> None:
    take_in(kwai_store, detail(0))
    KwaiSettings.objects.update(import_freight=False)
    take_in(kwai_store, detail(1))
    with_it, without = Order.objects.order_by("external_id")
    assert (with_it.freight_total, with_it.total) == (1_000, 11_000)
    assert (without.freight_total, without.total, without.total_differs) == (0, 10_000, False)


@pytest.mark.django_db
def test_the_option_of_freight_is_no_change_of_kwai_on_an_invoiced_order(desk: Desk) -> None:
    (order,) = desk.orders(overrides={"shippingFee": 1_000})
    desk.invoice(order)
    KwaiSettings.objects.update(import_freight=False)
    desk.kwai.change(order.external_id, buyerRemark="oi")
    desk.kwai.poll()
    order.refresh_from_db()
    assert (order.buyer_note, order.freight_total) == ("oi", 1_000)
    assert not OrderEvent.objects.filter(kind="lines_kept").exists()
    desk.kwai.change(order.external_id, totalAmount=1)
    desk.kwai.poll()
    assert OrderEvent.objects.filter(kind="lines_kept").count() == 1


@pytest.mark.django_db
def test_freight_alone_never_makes_a_negative_total(kwai_store: Store, sku: Any) -> None:
    KwaiSettings.objects.update(import_freight=False)
    take_in(kwai_store, detail(0, totalAmount=500))
    assert Order.objects.get().total == 0
