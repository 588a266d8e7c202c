"""The demonstration's company starts with something on its shelves, each balance with its movement."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from erp.catalog.models import Sku
from erp.stock.models import MovementKind, StockItem, StockMovement, Warehouse
from erp.stock.services import stock_move
from tests.conftest import PASSWORD


@pytest.mark.django_db
def test_every_sku_starts_with_a_counted_balance_once(settings: Any) -> None:
    settings.ERP_DEMO = True
    call_command("kwai_demo", password=PASSWORD)
    first = Sku.objects.earliest("pk")
    stock_move(
        kind=MovementKind.COUNT, sku=first, warehouse=Warehouse.objects.get(), quantity=0, text="Vendido"
    )
    call_command("kwai_demo", password=PASSWORD)
    skus = Sku.objects.count()
    assert StockMovement.objects.count() == skus + 1
    assert StockItem.objects.filter(on_hand__gt=0).count() == skus - 1
    assert StockItem.objects.get(sku=first).on_hand == 0
