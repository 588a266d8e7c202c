"""Writes on products and SKUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from erp import channels
from erp.accounts.models import Company, User
from erp.accounts.services import audit_append
from erp.catalog.models import Product, Sku


class SkuCodeTaken(Exception):
    """Another SKU of the company already has this code."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"Já existe um SKU com o código {code}. Use outro código ou edite o existente.")


@dataclass(frozen=True, slots=True)
class SkuDraft:
    """One SKU as typed; `id` is empty for a new one, `price` is centavos. `fiscal` holds the fields of the
    section *dados fiscais* that are to change, by name."""

    code: str
    price: int
    specification: str = ""
    gtin: str = ""
    id: int | None = None
    fiscal: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def product_save(
    *,
    company: Company,
    name: str,
    skus: Sequence[SkuDraft],
    description: str = "",
    is_active: bool = True,
    product: Product | None = None,
    actor: User | None = None,
) -> Product:
    """Create or change a product with its SKUs; a SKU that is not named stays as it is.

    Raises SkuCodeTaken, and then nothing is saved.
    """
    product = product or Product(company=company)
    product.name, product.description, product.is_active = name, description, is_active
    product.save()
    repriced = [sku.pk for draft in skus if (sku := _sku_save(product, draft)) is not None]
    channels.price_changed(repriced)
    audit_append(
        company_id=company.pk,
        actor=actor,
        action="product.saved",
        subject=f"product:{product.pk}",
        text=f"Produto {name} salvo",
        data={"skus": [draft.code for draft in skus]},
    )
    return product


def _sku_save(product: Product, draft: SkuDraft) -> Sku | None:
    """Save one SKU; it is returned when its price changed."""
    sku = Sku(company_id=product.company_id, product=product)
    if draft.id is not None:
        sku = Sku.objects.select_for_update().get(pk=draft.id, product=product)
    before = sku.price if draft.id is not None else None
    sku.code, sku.price = draft.code, draft.price
    sku.specification, sku.gtin = draft.specification, draft.gtin
    for name, value in draft.fiscal.items():
        setattr(sku, name, value)
    try:
        with transaction.atomic():
            sku.save()
    except IntegrityError:
        raise SkuCodeTaken(draft.code) from None
    return sku if before != sku.price else None
