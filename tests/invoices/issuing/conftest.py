"""A company with every fiscal datum, orders that lack nothing, and the demonstration issuer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from erp.accounts import issuers as choices
from erp.accounts.models import Company
from erp.catalog.models import Product, Sku
from erp.sales.models import DeliveryAddress, Order, OrderLine
from invoices.issuing import issuers
from invoices.issuing.demonstration.issuer import DemonstrationIssuer

FISCAL = {
    "state_registration": "110042490114",
    "tax_regime": "1",
    "postal_code": "01310100",
    "street": "Avenida Paulista",
    "number": "1000",
    "district": "Bela Vista",
    "intermediary_tax_id": "12345678000195",
    "default_origin": "0",
    "default_icms_code": "102",
    "default_cfop": "5102",
    "default_cfop_interstate": "6108",
}


@pytest.fixture
def demonstration(
    company: Company, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DemonstrationIssuer:
    """The issuer, registered and chosen by a company that has all its data."""
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(issuers, "_issuers", dict(issuers._issuers))
    monkeypatch.setattr(choices, "_choices", dict(choices._choices))
    issuer = DemonstrationIssuer()
    issuers.issuer_register(issuer)
    Company.objects.filter(pk=company.pk).update(invoice_issuer=issuer.key, **FISCAL)
    company.refresh_from_db()
    return issuer


@pytest.fixture
def sku(company: Company) -> Sku:
    product = Product.objects.create(company=company, name="Camiseta Básica")
    return Sku.objects.create(
        company=company, product=product, code="CAM-P", ncm="61091000", gtin="7890001000375", price=4990
    )


@pytest.fixture
def ready_order(make_order: Callable[..., Order], sku: Sku) -> Callable[..., Order]:
    """`ready_order(quantity=2, price=4990, address={...}, **order_fields)`: an order a note can be made of."""

    def make(
        *, quantity: int = 2, price: int = 4990, address: dict[str, str] | None = None, **fields: Any
    ) -> Order:
        freight, discount = fields.get("freight_total", 0), fields.get("seller_discount", 0)
        total = quantity * price + freight - discount
        fields.setdefault("total", total)
        order = make_order(**{"items_total": quantity * price, **fields})
        OrderLine.objects.create(
            order=order, position=1, sku=sku, title="Camiseta Básica", quantity=quantity, unit_price=price
        )
        place = {
            "recipient": "Maria da Silva",
            "postal_code": "01310200",
            "state_code": "SP",
            "city": "São Paulo",
            "district": "Bela Vista",
            "street": "Avenida Paulista",
            "number": "1578",
        }
        DeliveryAddress.objects.create(order=order, **(place | (address or {})))
        return order

    return make
