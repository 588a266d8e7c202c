"""Every constraint of the stock tables refuses what it is there for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from erp.accounts.models import AppendOnlyError, Company, Store
from erp.accounts.services import company_create
from erp.catalog.models import Sku
from erp.sales.statuses import OrderStatus
from erp.stock.models import MovementKind, StockItem, StockMovement, StockReservation, Warehouse

pytestmark = pytest.mark.django_db


def refuses(constraint: str, model: type[Any], **fields: Any) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        model.objects.create(**fields)
    told = str(caught.value)
    assert constraint in told or "UNIQUE constraint failed" in told


def test_a_new_company_has_one_default_warehouse() -> None:
    company = company_create(name="Nova", tax_id="12345678000195", state_code="SP", city="São Paulo")
    assert [(row.name, row.is_default) for row in company.warehouses.all()] == [("Geral", True)]


def test_warehouse(company: Company, warehouse: Warehouse) -> None:
    refuses("warehouse_unique_name", Warehouse, company=company, name="Geral")
    refuses("warehouse_one_default", Warehouse, company=company, name="Loja", is_default=True)
    refuses("warehouse_has_name", Warehouse, company=company, name="")
    with pytest.raises(IntegrityError, match="warehouse_default_is_active"), transaction.atomic():
        Warehouse.objects.filter(pk=warehouse.pk).update(is_active=False)


@pytest.mark.parametrize(
    ("on_hand", "reserved", "constraint"),
    [
        (-1, 0, "stock_item_available_not_negative"),
        (1, 2, "stock_item_available_not_negative"),
        (1, -1, "stock_item_reserved_not_negative"),
    ],
)
def test_a_balance_is_never_negative(
    sku: Sku, warehouse: Warehouse, on_hand: int, reserved: int, constraint: str
) -> None:
    refuses(constraint, StockItem, sku=sku, warehouse=warehouse, on_hand=on_hand, reserved=reserved)


def test_one_balance_per_place(sku: Sku, warehouse: Warehouse) -> None:
    StockItem.objects.create(sku=sku, warehouse=warehouse)
    refuses("stock_item_unique_place", StockItem, sku=sku, warehouse=warehouse)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"kind": "entry", "quantity": -1, "balance": 1}, "stock_movement_kind_and_sign"),
        ({"kind": "exit", "quantity": 1, "balance": 1}, "stock_movement_kind_and_sign"),
        ({"kind": "gift", "quantity": 1, "balance": 1}, "stock_movement_kind_and_sign"),
        ({"kind": "exit", "quantity": -1, "balance": -1}, "stock_movement_balance_not_negative"),
        ({"kind": "sale", "quantity": -1, "balance": 0}, "stock_movement_cause"),
        ({"kind": "entry", "quantity": 1, "balance": 1, "order_line_id": 7}, "stock_movement_cause"),
    ],
)
def test_movement(sku: Sku, warehouse: Warehouse, fields: dict[str, Any], constraint: str) -> None:
    refuses(constraint, StockMovement, sku=sku, warehouse=warehouse, text="x", **fields)


def test_a_line_leaves_once_a_round(sku: Sku, warehouse: Warehouse) -> None:
    fields = {"sku": sku, "warehouse": warehouse, "balance": 0, "text": "x", "order_line_id": 7}
    StockMovement.objects.create(kind=MovementKind.SALE, quantity=-1, **fields)
    StockMovement.objects.create(kind=MovementKind.RETURN, quantity=1, **fields)
    refuses("stock_movement_once_per_round", StockMovement, kind=MovementKind.SALE, quantity=-1, **fields)
    StockMovement.objects.create(kind=MovementKind.SALE, quantity=-1, round=2, **fields)


def test_a_form_moves_once(sku: Sku, warehouse: Warehouse) -> None:
    fields: dict[str, Any] = {"sku": sku, "warehouse": warehouse, "kind": "entry", "quantity": 1}
    StockMovement.objects.create(balance=1, text="x", request_key="k", **fields)
    refuses("request_key", StockMovement, balance=2, text="x", request_key="k", **fields)


def test_movements_are_append_only(sku: Sku, warehouse: Warehouse) -> None:
    row = StockMovement.objects.create(
        sku=sku, warehouse=warehouse, kind="entry", quantity=1, balance=1, text="x"
    )
    for change in (row.save, row.delete, StockMovement.objects.all().delete):
        with pytest.raises(AppendOnlyError):
            change()


def test_reservation(sku: Sku, warehouse: Warehouse) -> None:
    place = {"order_line_id": 7, "sku": sku, "warehouse": warehouse}
    refuses("reservation_held_within_wanted", StockReservation, wanted=1, held=2, **place)
    StockReservation.objects.create(wanted=1, **place)
    refuses("reservation_unique_place", StockReservation, wanted=1, **place)


def test_the_stores_rule_is_a_situation_of_orders(store: Store) -> None:
    assert OrderStatus(store.stock_exit_at) is OrderStatus.INVOICED
    with pytest.raises(IntegrityError, match="store_known_stock_exit"), transaction.atomic():
        Store.objects.filter(pk=store.pk).update(stock_exit_at="never")


def test_companies_from_before_get_their_warehouse(company: Company, other_company: Company) -> None:
    Warehouse.objects.create(company=other_company, name="Loja", is_default=True)
    migration = import_module("erp.stock.migrations.0002_default_warehouses")
    for _ in range(2):
        migration.create(apps, None)
    found = Warehouse.objects.order_by("company_id").values_list("company_id", "name", "is_default")
    assert list(found) == [(company.pk, "Geral", True), (other_company.pk, "Loja", True)]
