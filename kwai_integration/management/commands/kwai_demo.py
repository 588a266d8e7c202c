"""`manage.py kwai_demo`: the demonstration company, its login and products; safe to repeat.

The products carry the seller codes of the sandbox's catalogue, so that its orders link themselves.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from erp.accounts.models import Company, FiscalEnvironment, Role, TaxRegime, User
from erp.accounts.services import company_create
from erp.catalog.models import Product, Sku
from erp.runtime import demo
from erp.stock.models import MovementKind, StockMovement
from erp.stock.services import stock_move

TAX_ID = "11222333000181"
# Invented, like the company: what its demonstration notes say.
FISCAL = {
    "state_registration": "110042490114",
    "tax_regime": TaxRegime.SIMPLES,
    "postal_code": "01310200",
    "street": "Avenida Paulista",
    "number": "1578",
    "district": "Bela Vista",
    "city_code": "3550308",
    "invoice_issuer": "demonstration",
    "intermediary_tax_id": "12345678000195",
    "default_origin": "0",
    "default_icms_code": "102",
    "default_cfop": "5102",
    "default_cfop_interstate": "6108",
}
USERNAME = "demo"


class Command(BaseCommand):
    help = "Cria a empresa, o login e os produtos da demonstração (só com ERP_DEMO=1)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--password", default="", help="senha do login da demonstração")

    def handle(self, *args: Any, **options: Any) -> str:
        if not settings.ERP_DEMO:
            raise CommandError("A demonstração está desligada: ponha ERP_DEMO=1 no arquivo .env.")
        with transaction.atomic():
            company = Company.objects.filter(tax_id=TAX_ID).first() or _company()
            _user(company, options["password"] or demo.secrets_read(settings.VAR_DIR)["password"])
            _products(company)
            _balances(company)
        return USERNAME


def _company() -> Company:
    return company_create(
        name="Aurora Comércio de Demonstração Ltda",
        trade_name="Loja Aurora (demonstração)",
        tax_id=TAX_ID,
        state_code="SP",
        city="São Paulo",
        fiscal_environment=FiscalEnvironment.HOMOLOGATION,
        **FISCAL,
    )


def _user(company: Company, password: str) -> None:
    user, _ = User.objects.get_or_create(
        username=USERNAME, defaults={"company": company, "role": Role.ADMIN, "first_name": "Demonstração"}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])


def _products(company: Company) -> None:
    known = set(Sku.objects.filter(company=company).values_list("code", flat=True))
    catalogue = json.loads((settings.BASE_DIR / "kwai_sandbox" / "seed_data.json").read_text())
    for entry in catalogue["products"]:
        missing = [sku for sku in entry["skus"] if sku["number"] not in known]
        if not missing:
            continue
        product = Product.objects.create(
            company=company, name=entry["title"], description=entry["description"]
        )
        Sku.objects.bulk_create(
            Sku(
                company=company,
                product=product,
                code=sku["number"],
                specification=sku["specification"],
                gtin=sku["gtin"],
                ncm=entry["ncm"],
                price=sku["salePrice"],
            )
            for sku in missing
        )


def _balances(company: Company) -> None:
    """What the catalogue says is there, as the first count of every SKU."""
    catalogue = json.loads((settings.BASE_DIR / "kwai_sandbox" / "seed_data.json").read_text())
    counted = {sku["number"]: sku["stock"] for entry in catalogue["products"] for sku in entry["skus"]}
    moved = StockMovement.objects.filter(sku__company=company).values("sku_id")
    warehouse = company.warehouses.get(is_default=True)
    for sku in Sku.objects.filter(company=company, code__in=counted).exclude(pk__in=moved).order_by("pk"):
        stock_move(
            kind=MovementKind.COUNT,
            sku=sku,
            warehouse=warehouse,
            quantity=counted[sku.code],
            text="Saldo inicial da demonstração",
        )
