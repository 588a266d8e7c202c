"""*Mapeamentos*: codes seen are listed with their orders, and one that is mapped reaches those orders."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from erp.accounts.models import Store, StoreLifecycle
from erp.sales.models import Order, PaymentMethod, ShippingMethod
from erp.sales.statuses import OrderStatus
from kwai_integration.inbound.plan import store_receive, stores_to_receive
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.reprocess import store_reprocess
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import KwaiOrder, PaymentMapping, ShippingMapping, StatusMapping
from tests.kwai_integration.codes import CLOSED, COMPLETED, PAID, RECEIVED, SHIPPED, UNPAID
from tests.kwai_integration.inbound.conftest import FETCHED, UPDATED_MS, detail, line, sku_make
from tests.kwai_integration.setup.conftest import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def active(draft: Store) -> Store:
    sku_make(draft.company, "SKU-1")
    Store.objects.filter(pk=draft.pk).update(lifecycle=StoreLifecycle.ACTIVE, activated_at=FETCHED)
    draft.refresh_from_db()
    return draft


def take_in(store: Store, *details: dict[str, Any]) -> None:
    staged = kwai_orders_stage(store=store, details=details, fetch_started_at=FETCHED)
    kwai_orders_receive(ids=staged.ids)


def rows_of(page: Any) -> dict[str, tuple[int, bool]]:
    """Code -> orders that carry it, and whether nobody has said what it means."""
    tables = page.context["form"].tables()
    return {row.code: (row.orders, row.is_new) for _, rows, _, _ in tables for row in rows}


def test_codes_seen_so_far_are_listed_with_their_orders(active: Store, ana: Person) -> None:
    take_in(
        active,
        detail(0, orderStatus=PAID, payments=[{"method": "PIX", "amount": 11_000}]),
        detail(1, orderStatus=33, payments=[{"method": "PIX", "amount": 1}]),
        detail(2, orderStatus=33, shippingType="KWAI_ENVIOS", carrierCode="KW_LOG", payments=[]),
        detail(3, orderStatus=34, shippingType="DRONE", carrierCode="OUR-OWN"),
    )
    rows = rows_of(ana.open("mapeamentos"))
    assert (rows["33"], rows["34"], rows[str(PAID)]) == ((2, True), (1, True), (1, False))
    assert rows["PIX"] == (2, True)
    assert (rows["KW_LOG"], rows["DRONE"], rows["KWAI_ENVIOS"]) == ((1, True), (1, True), (1, False))
    assert rows[str(UNPAID)] == (0, False)


def test_the_page_costs_the_same_for_one_code_and_for_many(active: Store, ana: Person) -> None:
    def cost() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as statements:
            assert ana.open("mapeamentos").status_code == 200
        return len(statements)

    take_in(active, detail(0, shippingType="DRONE", payments=[{"method": "PIX", "amount": 1}]))
    cost()
    few = cost()
    more = [
        detail(n, orderStatus=100 + n, shippingType=f"T{n}", payments=[{"method": f"P{n}", "amount": 1}])
        for n in range(1, 9)
    ]
    take_in(active, *more)
    assert cost() == few


def test_what_a_seller_ships_itself_brings_no_carrier_to_map(active: Store, ana: Person) -> None:
    take_in(active, detail(0, shippingType="SELLER", carrierCode="CORREIOS"))
    rows = rows_of(ana.open("mapeamentos"))
    assert "CORREIOS" not in rows
    assert rows["SELLER"] == (1, False)


def test_a_situation_mapped_later_reaches_the_orders_that_carry_it(active: Store, ana: Person) -> None:
    take_in(active, detail(0, orderStatus=33), detail(1, orderStatus=33), detail(2, orderStatus=PAID))
    assert list(Order.objects.order_by("external_id").values_list("status", flat=True)) == [
        "open",
        "open",
        "approved",
    ]
    saved = ana.post("mapeamentos", "save", **{"situation:33": "shipped"})
    told = ana.client.get(saved["Location"]).text
    assert "2 pedidos com os códigos alterados são reprocessados em segundo plano" in told
    assert "faltam 2 pedidos" in told
    store_reprocess(active.pk)
    assert stores_to_receive() == [active.pk]
    assert store_receive(active.pk) == 2
    assert stores_to_receive() == []
    assert store_receive(active.pk) == 0
    statuses = Order.objects.order_by("external_id").values_list("status", flat=True)
    assert list(statuses) == [OrderStatus.SHIPPED, OrderStatus.SHIPPED, OrderStatus.APPROVED]
    assert KwaiOrder.objects.filter(received_digest="").count() == 0


def test_a_received_order_that_waits_for_a_link_follows_a_mapping_all_the_same(
    active: Store, ana: Person
) -> None:
    take_in(active, detail(0))
    take_in(active, detail(0, orderStatus=33, updateTime=UPDATED_MS + 1, orderItemView=[line("NEW-7")]))
    row = KwaiOrder.objects.get()
    assert (row.state, row.order.status) == ("unlinked", OrderStatus.APPROVED)
    ana.post("mapeamentos", "save", **{"situation:33": "cancelled"})
    store_reprocess(active.pk)
    assert stores_to_receive() == [active.pk]
    store_receive(active.pk)
    assert Order.objects.get().status == OrderStatus.CANCELLED
    assert stores_to_receive() == []


def test_an_order_received_while_its_mapping_was_saved_is_not_missed(active: Store, ana: Person) -> None:
    ana.post("mapeamentos", "save", **{"situation:33": "shipped"})
    StatusMapping.objects.filter(remote_code="33").update(status="open")
    take_in(active, detail(0, orderStatus=33))
    StatusMapping.objects.filter(remote_code="33").update(status="shipped")
    store_reprocess(active.pk)
    assert stores_to_receive() == [active.pk]
    store_receive(active.pk)
    assert Order.objects.get().status == OrderStatus.SHIPPED


def test_shipping_and_payment_mapped_later_fill_what_nobody_chose(active: Store, ana: Person) -> None:
    parcel = {"shippingType": "KWAI_ENVIOS", "carrierCode": "KW_LOG"}
    pix = {"payments": [{"method": "PIX", "amount": 11_000}, {"method": "CUPOM", "amount": 5}]}
    ShippingMapping.objects.all().delete()
    take_in(active, detail(0, **parcel, **pix), detail(1, **parcel, **pix))
    chosen = ShippingMethod.objects.get(name="Correios PAC")
    Order.objects.filter(external_id=detail(1)["orderId"]).update(shipping_method=chosen)
    method = ShippingMethod.objects.get(name="Kwai Envios")
    payment = PaymentMethod.objects.get(name="Pix")
    ana.post("mapeamentos", "save", **{"shipping:KW_LOG": method.pk, "payment:PIX": payment.pk})
    store_reprocess(active.pk)
    store_receive(active.pk)
    first, second = Order.objects.order_by("external_id")
    assert (first.shipping_method, first.carrier, first.payment_method) == (method, method.carrier, payment)
    assert (second.shipping_method, second.payment_method) == (chosen, payment)
    text = first.events.order_by("-pk").values_list("text", flat=True)[0]
    assert "forma de envio" in text
    assert "forma de recebimento" in text


def test_mapped_codes_are_applied_when_an_order_comes_in(active: Store, ana: Person) -> None:
    kwai_envios = ShippingMethod.objects.get(name="Kwai Envios")
    slow = ShippingMethod.objects.create(
        company=active.company, name="Kwai Envios lento", kind=kwai_envios.kind, carrier=kwai_envios.carrier
    )
    pac = ShippingMethod.objects.get(name="Correios PAC")
    payment = PaymentMethod.objects.get(name="Pix")
    ana.post(
        "mapeamentos",
        "save",
        new_payment_code="PIX",
        new_payment_target=payment.pk,
        new_shipping_code="KW_SLOW",
        new_shipping_target=slow.pk,
    )
    ana.post("mapeamentos", "save", new_shipping_code="KW_WRONG", new_shipping_target=pac.pk)
    paid = {"payments": [{"method": "PIX", "amount": 11_000}]}
    take_in(
        active,
        detail(0, shippingType="KWAI_ENVIOS", carrierCode="KW_SLOW", **paid),
        detail(1, shippingType="KWAI_ENVIOS", carrierCode="KW_OTHER"),
        detail(2, shippingType="SELLER", carrierCode="KW_SLOW"),
        detail(3, shippingType="KWAI_ENVIOS", carrierCode="KW_WRONG"),
    )
    first, second, third, fourth = Order.objects.order_by("external_id")
    assert (first.shipping_method, first.payment_method) == (slow, payment)
    # What the platform carries takes no way of shipping of our own.
    assert fourth.shipping_method == kwai_envios
    assert (second.shipping_method, second.payment_method) == (kwai_envios, None)
    assert third.shipping_method is None


def test_several_codes_mean_one_situation_and_one_can_be_taken_away(active: Store, ana: Person) -> None:
    ana.post(
        "mapeamentos",
        "save",
        **{f"situation:{COMPLETED}": "", "new_situation_code": " 55 ", "new_situation_target": "delivered"},
    )
    mapped = dict(StatusMapping.objects.values_list("remote_code", "status"))
    assert (mapped[str(RECEIVED)], mapped["55"]) == ("delivered", "delivered")
    assert "70" not in mapped


def test_default_situations_fill_gaps_and_change_no_choice(active: Store, ana: Person) -> None:
    ana.post("mapeamentos", "save", **{f"situation:{PAID}": "open", f"situation:{CLOSED}": ""})
    ana.post("mapeamentos", "defaults", **{f"situation:{PAID}": "open", f"situation:{CLOSED}": ""})
    mapped = dict(StatusMapping.objects.values_list("remote_code", "status"))
    assert (mapped[str(PAID)], mapped[str(CLOSED)]) == ("open", "cancelled")


def test_a_code_that_came_up_after_the_page_was_opened_stays_as_it_is(active: Store, ana: Person) -> None:
    method = ShippingMethod.objects.get(name="Kwai Envios")
    assert ShippingMapping.objects.get().shipping_method == method
    ana.post("mapeamentos", "save")
    assert ShippingMapping.objects.get().shipping_method == method


def test_going_back_is_allowed_only_by_the_option(active: Store, ana: Person) -> None:
    take_in(active, detail(0, orderStatus=SHIPPED))
    ana.post("mapeamentos", "save", **{f"situation:{SHIPPED}": "approved"})
    store_reprocess(active.pk)
    store_receive(active.pk)
    assert Order.objects.get().status == OrderStatus.SHIPPED
    ana.post("mapeamentos", "save", **{f"situation:{SHIPPED}": "preparing", "allow_backwards": "on"})
    store_reprocess(active.pk)
    store_receive(active.pk)
    assert Order.objects.get().status == OrderStatus.PREPARING


def test_codes_are_text_of_others_and_shown_as_such(active: Store, ana: Person) -> None:
    take_in(active, detail(0, payments=[{"method": "<script>x</script>", "amount": 1}]))
    page = ana.open("mapeamentos")
    assert "<script>x" not in page.text
    assert "&lt;script&gt;x" in page.text
    pix = PaymentMethod.objects.get(name="Pix")
    assert ana.post("mapeamentos", "save", **{"payment:<script>x</script>": pix.pk}).status_code == 302
    assert PaymentMapping.objects.get().remote_code == "<script>x</script>"


def test_a_form_with_thousands_of_codes_is_cut(active: Store, ana: Person) -> None:
    many = {f"situation:x{number}": "open" for number in range(1_500)}
    assert ana.post("mapeamentos", "save", **many).status_code == 302
    assert StatusMapping.objects.count() < 300


def test_a_code_is_mapped_once(draft: Store) -> None:
    method, payment = ShippingMethod.objects.all()[0], PaymentMethod.objects.all()[0]
    PaymentMapping.objects.create(store=draft, remote_code="PIX", payment_method=payment)
    with pytest.raises(IntegrityError), transaction.atomic():
        PaymentMapping.objects.create(store=draft, remote_code="PIX", payment_method=payment)
    with pytest.raises(IntegrityError), transaction.atomic():
        ShippingMapping.objects.create(store=draft, remote_code="KWAI_ENVIOS", shipping_method=method)
