"""What benchmarks share: a database of their own, a shop with one connected store, answers of Kwai."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.runner import DiscoverRunner
from django.utils import timezone

from erp.accounts.models import Company, Role, Store, StoreLifecycle, User
from erp.catalog.models import Product, Sku
from erp.stock.models import StockItem, Warehouse
from kwai_integration.models import KwaiSettings
from kwai_integration.setup.stores import store_install
from tests.kwai_integration.inbound.conftest import detail, line

SKUS = 200
CITIES = (
    ("SP", "São Paulo", "01310-100"),
    ("RJ", "Rio de Janeiro", "20040-002"),
    ("MG", "Belo Horizonte", "30130-010"),
    ("BA", "Salvador", "40020-000"),
)
FIRST_NAMES = (
    "Ana",
    "Bruno",
    "Carla",
    "Diego",
    "Elisa",
    "Fabio",
    "Heitor",
    "Irene",
    "João",
    "Lucas",
    "Maria",
)
LAST_NAMES = ("Souza", "Silva", "Oliveira", "Santos", "Lima", "Pereira", "Costa", "Rocha", "Almeida")


@contextmanager
def own_database() -> Iterator[None]:
    """A migrated database that is dropped at the end; the one of DATABASE_URL is only asked to make it."""
    runner = DiscoverRunner(verbosity=0, interactive=False)
    made = runner.setup_databases()
    try:
        yield
    finally:
        runner.teardown_databases(made)


def store_make(on_hand: int) -> Store:
    """A company with `SKUS` products of `on_hand` units each and an active store that receives by itself."""
    company = Company.objects.create(
        name="Medida Ltda", trade_name="Medida", tax_id="11222333000181", state_code="SP", city="São Paulo"
    )
    user = User.objects.create_user("medida", password=None, company=company, role=Role.ADMIN)
    products = Product.objects.bulk_create(Product(company=company, name=f"Produto {n}") for n in range(SKUS))
    skus = Sku.objects.bulk_create(
        Sku(company=company, product=product, code=f"SKU-{n}", price=4_990)
        for n, product in enumerate(products)
    )
    warehouse, _ = Warehouse.objects.get_or_create(
        company=company, is_default=True, defaults={"name": "Geral"}
    )
    StockItem.objects.bulk_create(StockItem(sku=sku, warehouse=warehouse, on_hand=on_hand) for sku in skus)
    store = store_install(company=company, user=user, name="Kwai Shop")
    Store.objects.filter(pk=store.pk).update(
        lifecycle=StoreLifecycle.ACTIVE, activated_at=timezone.now() - timedelta(days=365)
    )
    KwaiSettings.objects.filter(pk=store.pk).update(auto_receive=True)
    store.refresh_from_db()
    return store


def answers(first: int, count: int) -> list[dict[str, Any]]:
    """`count` paid orders of two lines and about 2.8 kB of JSON each, as `queryOrderDetails` gives them."""
    return [_answer(number) for number in range(first, first + count)]


def _answer(number: int) -> dict[str, Any]:
    chance = random.Random(number)  # noqa: S311 - the same answer for the same number
    state, city, zip_code = chance.choice(CITIES)
    lines = [_line(chance.randrange(SKUS), chance) for _ in range(2)]
    total = sum(each["skuPrice"] * each["skuQuantity"] for each in lines) + 1_000
    answer = detail(number, orderItemView=lines, totalAmount=total)
    answer["receiverAddressInfo"] |= {
        "name": f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}",
        "zipCode": zip_code,
        "state": state,
        "city": city,
        "number": str(chance.randrange(2000)),
    }
    # Nothing reads these: they bring the answer to the size that real ones have.
    answer["ext"] = {f"field{n}": f"{chance.getrandbits(128):032x}" for n in range(32)}
    return answer


def _line(product: int, chance: random.Random) -> dict[str, Any]:
    return line(
        f"SKU-{product}",
        itemName=f"Produto número {product} de demonstração com um nome comprido",
        skuQuantity=1 + chance.randrange(2),
        skuPrice=4_990,
        itemPicUrl=f"https://img.example/{chance.getrandbits(256):064x}",
    )


class Measured:
    """Wall and processor seconds of a block, and its statements with the time each took."""

    def __enter__(self) -> Measured:
        self.statements: list[tuple[float, str]] = []
        self._wrapper = connection.execute_wrapper(self._run)
        self._wrapper.__enter__()
        self._began = (time.perf_counter(), time.process_time())
        return self

    def _run(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.statements.append((time.perf_counter() - began, sql))

    def __exit__(self, *error: object) -> None:
        self.wall = time.perf_counter() - self._began[0]
        self.cpu = time.process_time() - self._began[1]
        self._wrapper.__exit__(*error)


def pages(rows: Sequence[dict[str, Any]], size: int) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
