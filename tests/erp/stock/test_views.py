"""*Estoque*, *Depósitos* and the balances in *Produtos*."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, User
from erp.catalog.models import Product, Sku
from erp.stock.models import MovementKind, StockMovement, Warehouse
from erp.stock.services import ReservationRequest, reservations_set, stock_move, warehouse_save
from tests.cells import cells
from tests.erp.stock.conftest import sku_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(operator: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(operator)


def count(sku: Sku, quantity: int, warehouse: Warehouse | None = None) -> None:
    place = warehouse or Warehouse.objects.get(company=sku.company, is_default=True)
    stock_move(kind=MovementKind.COUNT, sku=sku, warehouse=place, quantity=quantity, text="Contagem")


def wants(sku: Sku, line_id: int, quantity: int) -> None:
    reservations_set(requests=[ReservationRequest(sku.company_id, line_id, sku.pk, quantity)])


def codes(client: Client, **query: Any) -> list[str]:
    return [row.object.code for row in client.get(reverse("stock:balances"), query).context["rows"]]


def form(place: Warehouse, **fields: Any) -> dict[str, Any]:
    return {
        "warehouse": place.pk,
        "quantity": 3,
        "text": "Compra",
        "request_key": str(uuid4()),
        **fields,
    }


def test_the_list_tells_what_is_there_what_is_not_and_who_waits(
    client: Client, company: Company, sku: Sku, warehouse: Warehouse
) -> None:
    empty, wanted = sku_make(company, "SKU-2"), sku_make(company, "SKU-3")
    shop = warehouse_save(company=company, name="Loja", is_default=False, is_active=True)
    count(sku, 3)
    count(sku, 2, shop)
    wants(wanted, 1, 4)
    assert codes(client) == ["SKU-1", "SKU-2", "SKU-3"]
    assert codes(client, tab="in") == ["SKU-1"]
    assert codes(client, tab="out") == ["SKU-2", "SKU-3"]
    assert codes(client, tab="waiting") == ["SKU-3"]
    assert codes(client, tab="in", warehouse=shop.pk) == ["SKU-1"]
    assert codes(client, q=empty.product.name) == ["SKU-2"]
    figures = {
        choice: next(
            (row.object.on_hand, row.object.reserved, row.object.available)
            for row in client.get(reverse("stock:balances"), {"warehouse": choice}).context["rows"]
        )
        for choice in ("", shop.pk, "9" * 18, "x")
    }
    assert figures == {"": (5, 0, 5), shop.pk: (2, 0, 2), "9" * 18: (5, 0, 5), "x": (5, 0, 5)}


def test_a_product_out_of_use_shows_while_it_has_goods_or_orders(
    client: Client, company: Company, sku: Sku, warehouse: Warehouse
) -> None:
    wanted, spent = sku_make(company, "SKU-2"), sku_make(company, "SKU-3")
    count(sku, 3)
    count(spent, 0)
    wants(wanted, 1, 4)
    Product.objects.update(is_active=False)
    assert codes(client) == ["SKU-1", "SKU-2"]
    assert codes(client, tab="waiting") == ["SKU-2"]
    assert "produto inativo" in client.get(reverse("stock:balances")).content.decode()


def test_nothing_of_another_company_shows(
    client: Client, other_company: Company, sku: Sku, warehouse: Warehouse
) -> None:
    foreign = sku_make(other_company, "ALHEIO")
    count_place = Warehouse.objects.create(company=other_company, name="Deles", is_default=True)
    count(foreign, 5)
    assert codes(client) == ["SKU-1"]
    assert "Deles" not in client.get(reverse("stock:warehouses")).content.decode()
    for name in ("sku", "entry", "exit", "count"):
        assert client.get(reverse(f"stock:{name}", args=[foreign.pk])).status_code == 404
    answer = client.post(reverse("stock:entry", args=[sku.pk]), form(count_place))
    assert "warehouse" in answer.context["form"].errors
    assert not StockMovement.objects.filter(sku=sku).exists()


@pytest.mark.parametrize(("name", "before", "after"), [("entry", 2, 5), ("exit", 4, 1), ("count", 9, 3)])
def test_each_form_moves_the_balance_and_says_why(
    client: Client, operator: User, sku: Sku, warehouse: Warehouse, name: str, before: int, after: int
) -> None:
    count(sku, before)
    assert client.get(reverse(f"stock:{name}", args=[sku.pk])).status_code == 200
    answer = client.post(reverse(f"stock:{name}", args=[sku.pk]), form(warehouse), follow=True)
    assert answer.redirect_chain == [(reverse("stock:sku", args=[sku.pk]), 302)]
    assert f"Saldo de {after} no depósito Geral" in answer.content.decode()
    row = StockMovement.objects.latest("pk")
    assert (row.kind, row.balance, row.text, row.actor) == (name, after, "Compra", operator)


def test_sending_a_form_twice_moves_once(client: Client, sku: Sku, warehouse: Warehouse) -> None:
    sent = form(warehouse)
    for _ in range(2):
        answer = client.post(reverse("stock:entry", args=[sku.pk]), sent, follow=True)
    assert "já estava registrado" in answer.content.decode()
    assert StockMovement.objects.get().balance == 3


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": "1,5"}, "quantity"),
        ({"quantity": "7891234567890"}, "quantity"),
        ({"text": "  "}, "text"),
        ({"warehouse": "x"}, "warehouse"),
        ({"request_key": "x"}, "request_key"),
    ],
)
def test_bad_input_moves_nothing(
    client: Client, sku: Sku, warehouse: Warehouse, fields: dict[str, str], wrong: str
) -> None:
    answer = client.post(reverse("stock:entry", args=[sku.pk]), form(warehouse, **fields))
    assert list(answer.context["form"].errors) == [wrong]
    assert not StockMovement.objects.exists()


def test_more_than_there_is_cannot_go_out(client: Client, sku: Sku, warehouse: Warehouse) -> None:
    count(sku, 2)
    answer = client.post(reverse("stock:exit", args=[sku.pk]), form(warehouse))
    assert "Há só 2 no depósito Geral" in answer.content.decode()


def test_a_count_lists_whose_reservations_it_released(client: Client, sku: Sku, warehouse: Warehouse) -> None:
    count(sku, 5)
    wants(sku, 1, 3)
    wants(sku, 2, 2)
    answer = client.post(reverse("stock:count", args=[sku.pk]), form(warehouse), follow=True)
    assert "O saldo não cobre mais estas reservas" in answer.content.decode()


def test_one_sku_shows_every_movement_page_by_page(client: Client, sku: Sku, warehouse: Warehouse) -> None:
    for quantity in range(60):
        count(sku, quantity)
    address = reverse("stock:sku", args=[sku.pk])
    first = client.get(address).context
    second = client.get(address, {"before": first["older"]}).context
    balances = [row.balance for row, _ in [*first["movements"], *second["movements"]]]
    assert balances == list(range(59, -1, -1))


def test_products_show_the_three_figures(client: Client, sku: Sku, warehouse: Warehouse) -> None:
    count(sku, 7)
    wants(sku, 1, 3)
    page = client.get(reverse("catalog:products"))
    balance = page.context["rows"][0].extra
    assert (balance.on_hand, balance.reserved, balance.available) == (7, 3, 4)
    assert cells(page.content.decode(), "Físico") == ["7"]
    page = client.get(reverse("catalog:product", args=[sku.product_id])).content.decode()
    assert f'href="{reverse("stock:sku", args=[sku.pk])}">4</a>' in page


def test_pages_cost_the_same_for_one_row_and_for_fifty(
    client: Client, company: Company, sku: Sku, warehouse: Warehouse
) -> None:
    addresses = [
        reverse("stock:balances"),
        reverse("stock:sku", args=[sku.pk]),
        reverse("catalog:products"),
        reverse("stock:warehouses"),
    ]

    def costs() -> list[int]:
        found = []
        for address in addresses:
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            found.append(len(queries))
        return found

    count(sku, 1)
    wants(sku, 1, 1)
    costs()
    one = costs()
    for index in range(2, 40):
        each = sku_make(company, f"SKU-{index}")
        count(each, 1)
        count(sku, index)
        wants(sku, index, 1)
        wants(each, index, 1)
        warehouse_save(company=company, name=f"Depósito {index}", is_default=False, is_active=True)
    assert costs() == one


def test_a_warehouse_is_made_renamed_and_kept_from_harm(
    admin: User, sign_in: Any, company: Company, warehouse: Warehouse
) -> None:
    client = sign_in(admin)
    client.post(reverse("stock:warehouse_create"), {"name": " Loja ", "is_active": "on"})
    shop = Warehouse.objects.get(name="Loja")
    answer = client.post(reverse("stock:warehouse", args=[shop.pk]), {"name": "Geral", "is_active": "on"})
    assert "Já existe um depósito chamado Geral." in answer.content.decode()
    answer = client.post(reverse("stock:warehouse", args=[warehouse.pk]), {"name": "Geral"})
    assert "depósito padrão" in answer.content.decode()
    client.post(
        reverse("stock:warehouse", args=[shop.pk]), {"name": "Loja 2", "is_default": "on", "is_active": "on"}
    )
    assert Warehouse.objects.get(is_default=True).name == "Loja 2"


def test_search_finds_a_sku_with_its_balance(client: Client, sku: Sku, warehouse: Warehouse) -> None:
    count(sku, 7)
    assert "disponível: 7" in client.get(reverse("web:search"), {"q": "sku-1"}).content.decode()
