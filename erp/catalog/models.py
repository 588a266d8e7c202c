"""What the company sells. Prices are integer centavos."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from erp.accounts.models import Company


class Product(models.Model):
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="products")
    name = models.CharField("nome", max_length=200)
    description = models.TextField("descrição", blank=True, max_length=5000)
    is_active = models.BooleanField("ativo", default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["company", "name"], name="product_company_name")]

    def __str__(self) -> str:
        return self.name


class Sku(models.Model):
    """One sellable variation; `code` is the seller's own and unique in the company."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="skus")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="skus")
    code = models.CharField("código (SKU)", max_length=60)
    specification = models.CharField("variação", max_length=120, blank=True)
    gtin = models.CharField("GTIN/EAN", max_length=14, blank=True)
    price = models.BigIntegerField("preço", default=0)

    # What an NF-e says of the item; empty ones take the company's, and only issuing a note asks for them.
    unit = models.CharField("unidade", max_length=6, default="UN")
    ncm = models.CharField("NCM", max_length=8, blank=True)
    cest = models.CharField("CEST", max_length=7, blank=True)
    origin = models.CharField("origem", max_length=1, blank=True)
    icms_code = models.CharField("CST/CSOSN", max_length=3, blank=True)
    cfop = models.CharField("CFOP no estado", max_length=4, blank=True)
    cfop_interstate = models.CharField("CFOP a outro estado", max_length=4, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "code"], name="sku_unique_code"),
            models.CheckConstraint(condition=~Q(code=""), name="sku_has_code"),
            models.CheckConstraint(condition=Q(price__gte=0), name="sku_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.code} · {self.label}"

    @property
    def label(self) -> str:
        return f"{self.product.name} ({self.specification})" if self.specification else self.product.name
