"""A company with a warehouse and SKUs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

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


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run these in threads that start together; what they answered, errors included."""
    start = threading.Barrier(len(works))
    answers: list[Any] = []

    def run(work: Callable[[], Any]) -> None:
        start.wait(30)
        try:
            answers.append(work())
        except Exception as error:
            answers.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == len(works)
    return answers
