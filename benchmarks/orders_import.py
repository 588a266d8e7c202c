"""What the import of orders costs, beside three other ways of writing the same rows in the same run.

`make bench-import`, `make bench-import ARGS="--orders 4000"`. PostgreSQL. Every way writes, for each order,
the raw answer, the order, two lines, buyer, address and an event; the import also judges, reserves stock and
writes balances. The others keep the raw answer in the row of the order, a row less than the import. The ways
take turns, a slice each, so that what else the machine does meets all of them, and a ratio is the median of
those of the slices:

- naive: `update_or_create` of every row, one transaction an order, a tenth of the orders;
- bulk: `bulk_create` of a page, without a decision;
- copy: COPY of 500 orders at once, the ceiling.

Rates are orders a second of wall time, `cpu_ms_*` is processor time of this process for one order. Memory is
the peak resident set of a process of its own that imports so many orders. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.test")

import django

django.setup()

from django.db import connection, transaction
from django.utils import timezone

from benchmarks import shop
from erp.accounts.models import Counter, Store
from erp.catalog.models import Sku
from erp.sales.models import Buyer, DeliveryAddress, Order, OrderEvent, OrderLine
from kwai_integration.inbound.orders.parts import address_values, buyer_values
from kwai_integration.inbound.orders.rules import KnownRules
from kwai_integration.inbound.receive import kwai_orders_follow
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.mapping.orders import MappedOrder, order_read
from kwai_integration.models import KwaiOrder
from kwai_integration.names import names
from kwai_integration.situations import store_roles
from tests.kwai_integration.codes import SHIPPED

PAGE = 50
SLICES = 20
NAIVE_SHARE = 10
COPIED_AT_ONCE = 500
EVENT = "Pedido recebido do Kwai"
Answers = Sequence[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--memory-of", type=int, default=0, help="only import so many and print the peak")
    options = parser.parse_args()
    if connection.vendor != "postgresql":
        raise SystemExit("Este teste mede o PostgreSQL: defina DATABASE_URL ou use `make bench-import`.")
    with shop.own_database():
        if options.memory_of:
            print(memory(options.memory_of))
            return
        figures = measured(options.orders)
    for count in (2_000, options.orders):
        figures[f"peak_mb_{count}"] = float(_child("--memory-of", str(count)))
    figures["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(figures))


def measured(orders: int) -> dict[str, Any]:
    store = shop.store_make(on_hand=10_000_000)
    ways = Ways(store)
    rates: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    statements: dict[str, set[int]] = defaultdict(set)
    numbers = iter(range(1, 10**9))

    def fresh(count: int) -> list[dict[str, Any]]:
        return shop.answers(next(numbers) * 1_000_000, count)

    def timed(name: str, answers: Answers, work: Callable[[Answers], object]) -> None:
        with shop.Measured() as done:
            work(answers)
        rates[name].append(len(answers) / done.wall)
        cpu[name].append(done.cpu / len(answers) * 1000)
        if len(answers) % PAGE == 0:
            statements[name].add(round(len(done.statements) / (len(answers) / PAGE)))
        print(
            f"{name:14s} {len(answers):6d} orders {rates[name][-1]:7.0f}/s  {cpu[name][-1]:6.2f} ms cpu"
            f"  {len(done.statements) / (len(answers) / PAGE):7.1f} statements a page",
            flush=True,
        )

    # Afterwards every product has been met once.
    ways.imported(fresh(20 * PAGE))
    for work in (ways.naive, ways.bulk, ways.copied):
        work(fresh(PAGE))
    size = max(orders // SLICES // PAGE, 1) * PAGE
    for _ in range(SLICES):
        mine, few = fresh(size), fresh(max(size // NAIVE_SHARE, 1))
        timed("import", mine, ways.imported)
        timed("naive", few, ways.naive)
        timed("bulk", fresh(size), ways.bulk)
        timed("copy", fresh(size), ways.copied)
        timed("unchanged", mine, ways.imported)
        _shipped(mine)
        _shipped(few)
        timed("changed", mine, ways.imported)
        timed("naive changed", few, ways.naive)
        _moved(mine)
        _moved(few)
        timed("address", mine, ways.imported)
        timed("naive address", few, ways.naive)
    rate = {name: _median(values) for name, values in rates.items()}

    def ratio(ours: str, theirs: str) -> float:
        pairs = zip(rates[ours], rates[theirs], strict=True)
        return round(_median([mine / other for mine, other in pairs]), 2)

    return {
        "orders": size * SLICES,
        "ratio_naive": ratio("import", "naive"),
        "ratio_changed_naive": min(ratio("changed", "naive changed"), ratio("address", "naive address")),
        "ratio_bulk": ratio("import", "bulk"),
        "ratio_copy": ratio("import", "copy"),
        "cpu_ms_new": round(_median(cpu["import"]), 2),
        "cpu_ms_changed": round(max(_median(cpu["changed"]), _median(cpu["address"])), 2),
        "cpu_ms_unchanged": round(_median(cpu["unchanged"]), 3),
        "cpu_ms_bulk": round(_median(cpu["bulk"]), 2),
        "statements_per_page": max(statements["import"]),
        "statements_per_page_constant": len(statements["import"]) == 1,
        "rates": {name: round(value) for name, value in rate.items()},
    }


def memory(orders: int) -> float:
    store = shop.store_make(on_hand=10_000_000)
    ways = Ways(store)
    for start in range(0, orders, PAGE):
        ways.imported(shop.answers(start, PAGE))
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _child(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.orders_import", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


def _shipped(answers: Answers) -> None:
    for answer in answers:
        answer["updateTime"] += 60_000
        answer["orderStatus"] = SHIPPED
        answer["trackingNumber"] = "AA123456785BR"


def _moved(answers: Answers) -> None:
    for answer in answers:
        answer["updateTime"] += 60_000
        answer["receiverAddressInfo"]["number"] += "A"


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


class Ways:
    """The ways to bring answers into one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.roles = store_roles(store.pk)
        self.sku_ids = dict(Sku.objects.filter(company_id=store.company_id).values_list("code", "pk"))

    def imported(self, answers: Answers) -> None:
        """The product's own: what a poll does with each page."""
        rules = KnownRules()
        for page in shop.pages(answers, PAGE):
            staged = kwai_orders_stage(
                store=self.store, details=page, fetch_started_at=timezone.now(), known_rules=rules
            )
            kwai_orders_follow(staged=staged, auto_receive=True, known_rules=rules)

    def naive(self, answers: Answers) -> None:
        for answer in answers:
            self._naive_one(answer, self._mapped(answer))

    @transaction.atomic
    def _naive_one(self, answer: dict[str, Any], mapped: MappedOrder) -> None:
        known = Order.objects.filter(store=self.store, external_id=mapped.external_id).first()
        number = known.number if known else self._numbers(1)[0]
        order, created = Order.objects.update_or_create(
            store=self.store,
            external_id=mapped.external_id,
            defaults=self._order_values(mapped) | {"number": number},
        )
        for position, values in enumerate(self._lines(mapped), 1):
            OrderLine.objects.update_or_create(order=order, position=position, defaults=values)
        Buyer.objects.update_or_create(order=order, defaults=_part(buyer_values(mapped)))
        DeliveryAddress.objects.update_or_create(order=order, defaults=_part(address_values(mapped)))
        KwaiOrder.objects.update_or_create(
            store=self.store,
            external_id=mapped.external_id,
            defaults=self._raw_values(answer, mapped, order.pk),
        )
        text = EVENT if created else "Dados do Kwai atualizados"
        OrderEvent.objects.create(order=order, kind="kwai.received", text=text)

    def bulk(self, answers: Answers) -> None:
        for page in shop.pages(answers, PAGE):
            self._bulk_page(page, [self._mapped(answer) for answer in page])

    @transaction.atomic
    def _bulk_page(self, page: Answers, mapped: Sequence[MappedOrder]) -> None:
        numbers = self._numbers(len(page))
        orders = Order.objects.bulk_create(
            Order(store=self.store, external_id=each.external_id, number=number, **self._order_values(each))
            for each, number in zip(mapped, numbers, strict=True)
        )
        pairs = list(zip(orders, mapped, strict=True))
        OrderLine.objects.bulk_create(
            OrderLine(order=order, position=position, **values)
            for order, each in pairs
            for position, values in enumerate(self._lines(each), 1)
        )
        Buyer.objects.bulk_create(Buyer(order=order, **_part(buyer_values(each))) for order, each in pairs)
        DeliveryAddress.objects.bulk_create(
            DeliveryAddress(order=order, **_part(address_values(each))) for order, each in pairs
        )
        KwaiOrder.objects.bulk_create(
            KwaiOrder(
                store=self.store, external_id=each.external_id, **self._raw_values(answer, each, order.pk)
            )
            for (order, each), answer in zip(pairs, page, strict=True)
        )
        OrderEvent.objects.bulk_create(
            OrderEvent(order=order, kind="kwai.received", text=EVENT) for order in orders
        )

    def copied(self, answers: Answers) -> None:
        for part in shop.pages(answers, COPIED_AT_ONCE):
            self._copy_part(part, [self._mapped(answer) for answer in part])

    @transaction.atomic
    def _copy_part(self, part: Answers, mapped: Sequence[MappedOrder]) -> None:
        numbers = self._numbers(len(part))
        orders = [
            Order(
                pk=pk,
                store=self.store,
                external_id=each.external_id,
                number=number,
                **self._order_values(each),
            )
            for pk, each, number in zip(_ids(Order, len(part)), mapped, numbers, strict=True)
        ]
        pairs = list(zip(orders, mapped, strict=True))
        _copy(Order, orders)
        lines = [
            OrderLine(order=order, position=position, **values)
            for order, each in pairs
            for position, values in enumerate(self._lines(each), 1)
        ]
        _copy(OrderLine, lines)
        _copy(Buyer, [Buyer(order=order, **_part(buyer_values(each))) for order, each in pairs])
        addresses = [DeliveryAddress(order=order, **_part(address_values(each))) for order, each in pairs]
        _copy(DeliveryAddress, addresses)
        raw = [
            KwaiOrder(
                store=self.store, external_id=each.external_id, **self._raw_values(answer, each, order.pk)
            )
            for (order, each), answer in zip(pairs, part, strict=True)
        ]
        _copy(KwaiOrder, raw)
        _copy(OrderEvent, [OrderEvent(order=order, kind="kwai.received", text=EVENT) for order in orders])

    def _mapped(self, answer: dict[str, Any]) -> MappedOrder:
        mapped = order_read(answer, timezone.now(), self.roles, names())
        if not isinstance(mapped, MappedOrder):
            raise SystemExit(f"an answer cannot be read: {mapped}")
        return mapped

    def _numbers(self, count: int) -> list[int]:
        return list(Counter.objects.take(company_id=self.store.company_id, name="order", count=count))

    def _order_values(self, mapped: MappedOrder) -> dict[str, Any]:
        return {
            "company_id": self.store.company_id,
            "status": "approved",
            "remote_status": mapped.remote_status,
            "items_total": mapped.items_total,
            "freight_total": mapped.freight,
            "total": mapped.total,
            "placed_at": mapped.placed_at,
            "paid_at": mapped.paid_at,
            "ship_by_at": mapped.ship_by_at,
        }

    def _lines(self, mapped: MappedOrder) -> list[dict[str, Any]]:
        return [
            {
                "sku_id": self.sku_ids[each.seller_code],
                "external_item_id": each.item_id,
                "external_sku_id": each.sku_id,
                "title": each.title,
                "specification": each.specification,
                "quantity": each.quantity,
                "unit_price": each.unit_price,
            }
            for each in mapped.lines
        ]

    def _raw_values(self, answer: dict[str, Any], mapped: MappedOrder, order_id: int) -> dict[str, Any]:
        return {
            "order_id": order_id,
            "state": "received",
            "payload": json.dumps(answer, ensure_ascii=False),
            "digest": "x" * 64,
            "received_digest": "x" * 64,
            "remote_status": mapped.remote_status,
            "buyer_name": mapped.buyer.name,
            "total": mapped.total,
            "placed_at": mapped.placed_at,
            "ship_by_at": mapped.ship_by_at,
            "remote_updated_at": mapped.remote_updated_at,
            "fetch_started_at": timezone.now(),
        }


def _part(values: dict[str, str]) -> dict[str, Any]:
    return {**values, "platform_values": values}


def _ids(model: Any, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def _copy(model: Any, rows: Sequence[Any]) -> None:
    """COPY of these rows, with every column that has no default of the database."""
    columns = [
        each
        for each in model._meta.concrete_fields
        if (rows[0].pk is not None or not each.primary_key)
        and each.db_default is django.db.models.NOT_PROVIDED
    ]
    quoted = ", ".join(connection.ops.quote_name(each.column) for each in columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY {connection.ops.quote_name(model._meta.db_table)} ({quoted}) FROM STDIN"
        ) as target,
    ):
        for row in rows:
            target.write_row(
                [each.get_db_prep_save(each.pre_save(row, add=True), connection) for each in columns]
            )


if __name__ == "__main__":
    main()
