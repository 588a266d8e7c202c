"""A company with a warehouse and SKUs."""

from __future__ import annotations

import pytest

from erp.accounts.models import Company
from erp.catalog.models import Product, Sku
from erp.stock.models import Warehouse
from erp.stock.services import warehouse_default_create


def sku_make(company: Company, code: str) -> Sku:
    product = Product.objects.create(company=company, name=f"Produto {code}")
    return Sku.objects.create(company=company, product=product, code=code, price=5_000)


@pytest.fixture
def warehouse(company: Company) -> Warehouse:
    warehouse_default_create(company)
    return Warehouse.objects.get(company=company)


@pytest.fixture
def sku(company: Company) -> Sku:
    return sku_make(company, "SKU-1")
