"""Writes on warehouses and balances."""

from __future__ import annotations

from erp.accounts.models import Company
from erp.stock.models import DEFAULT_WAREHOUSE, Warehouse


def warehouse_default_create(company: Company) -> None:
    """The *depósito* every new company starts with."""
    Warehouse.objects.create(company=company, name=DEFAULT_WAREHOUSE, is_default=True)
