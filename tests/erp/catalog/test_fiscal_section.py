"""The section *dados fiscais* of a product."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from erp.accounts.models import Company, User
from erp.catalog.models import Product, Sku

SignIn = Callable[[User], Client]


@pytest.fixture
def sku(company: Company) -> Sku:
    product = Product.objects.create(company=company, name="Camiseta")
    return Sku.objects.create(company=company, product=product, code="CAM-P", price=4990)


def posted(sku: Sku, **fiscal: str) -> dict[str, str]:
    row = {"id": str(sku.pk), "code": sku.code, "price": "49,90", "unit": "UN", **fiscal}
    return {
        "name": "Camiseta",
        "is_active": "on",
        "skus-TOTAL_FORMS": "1",
        "skus-INITIAL_FORMS": "1",
        **{f"skus-0-{name}": value for name, value in row.items()},
    }


def test_the_codes_are_saved(admin: User, sign_in: SignIn, sku: Sku) -> None:
    fiscal = {
        "ncm": "6109.10.00",
        "origin": "0",
        "icms_code": "102",
        "cfop": "5101",
        "cfop_interstate": "6107",
    }
    answer = sign_in(admin).post(reverse("catalog:product", args=[sku.product_id]), posted(sku, **fiscal))
    assert answer.status_code == 302
    sku.refresh_from_db()
    assert (sku.ncm, sku.origin, sku.icms_code) == ("61091000", "0", "102")
    assert (sku.cfop, sku.cfop_interstate) == ("5101", "6107")


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("ncm", "6109", "O NCM tem 8 números"),
        ("cest", "1", "O CEST tem 7 números"),
        ("cfop", "6102", "começa com 5"),
        ("cfop_interstate", "5102", "começa com 6"),
    ],
)
def test_a_wrong_code_opens_the_section_and_says_why(
    name: str, typed: str, said: str, admin: User, sign_in: SignIn, sku: Sku
) -> None:
    url = reverse("catalog:product", args=[sku.product_id])
    page = sign_in(admin).post(url, posted(sku, **{name: typed})).content.decode()
    assert said in page
    assert '<details id="fiscal" open>' in page


def test_only_codes_of_the_regime_are_offered(
    admin: User, sign_in: SignIn, sku: Sku, company: Company
) -> None:
    Company.objects.filter(pk=company.pk).update(tax_regime="3", default_icms_code="00")
    page = sign_in(admin).get(reverse("catalog:product", args=[sku.product_id])).content.decode()
    assert "Da empresa (00)" in page
    assert "CSOSN" not in page.replace("CST/CSOSN", "")
    assert 'value="102"' not in page
    assert '<details id="fiscal">' in page
