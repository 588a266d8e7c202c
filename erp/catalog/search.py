"""What people type to find a SKU: code, product, variation, GTIN."""

from __future__ import annotations

from erp.catalog.models import Sku
from erp.search.finding import Matches, Search, rows_found, rows_named, text_source

# A shop has thousands of SKUs, not millions: they are read.
SKUS = text_source(Sku, "code", "product__name", "specification", "gtin")


def skus_found(search: Search) -> Matches:
    """SKUs of the company in which every word stands somewhere; a whole code or GTIN names them."""
    return search.once(_skus)


def _skus(search: Search) -> Matches:
    own = Sku.objects.filter(company=search.user.company)
    text = search.typed.text
    named = rows_named(own.filter(code=text), own.filter(gtin=text))
    return named | rows_found(SKUS, search.typed.words, own.order_by("-pk"))
