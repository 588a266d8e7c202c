"""Two years of a company with three stores, written by SQL: as many orders as asked for, the newest last.

Of the orders 91 % are delivered, 3 % on the way, 3 % still to be sent, 3 % cancelled. Each has two lines,
buyer, address, the answer of the platform (1.2 kB) and two events; some hundreds wait for stock. Those that
were sent have a note, a shipment in a group of about sixty, and two pushes, of which some hundreds are
stopped or wait. Left out is what no list reads: the files of notes, tries of pushes, movements of the
stock. The same statements run on PostgreSQL and SQLite, in an empty database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.management.color import no_style
from django.db import connection
from django.db.models import AutoField, Model
from django.db.models.fields import NOT_PROVIDED
from django.utils import timezone

from benchmarks.shop import CITIES, FIRST_NAMES, LAST_NAMES
from erp.accounts.models import Company, Counter, Role, Store, StoreLifecycle, User
from erp.accounts.services import company_create
from erp.catalog.models import Product, Sku
from erp.outbox.models import PushJob
from erp.runtime.statistics import statistics_refresh
from erp.sales.models import Buyer, DeliveryAddress, Order, OrderEvent, OrderLine, ShippingMethod
from erp.stock.models import StockItem, StockReservation, Warehouse
from expedition.models import Package, Shipment, ShipmentGroup
from invoices.models import Invoice, RefusedFile
from kwai_integration.models import (
    ConnectionHealth,
    InboundEvent,
    KwaiAccount,
    KwaiOrder,
    KwaiOrderAnswer,
    Listing,
)
from kwai_integration.setup.stores import store_install
from kwai_integration.wire.codes import KwaiInvoiceStatus

SKUS = 2_000
ON_HAND = 1_000
# The first 24 of the 44 characters of an access key.
KEY_BEGINNING = "352611112223330001815500"
YEARS = 2 * 365 * 86_400
DAY = 86_400
GROUP_SIZE = 60
OPEN_GROUPS = 5
# Kwai numbers do not follow one another.
FIRST_NUMBER, NUMBER_STEP = 2_600_000_000_000_000_000, 7_919
# One order in so many carries this name.
RARE_NAME, RARE_EVERY = "Zulmira Quintanilha", 20_000
# Never read: nothing of this asks the platform.
NO_TOKENS = {"access_token_stored": "-", "refresh_token_stored": "-"}
SENT = "('delivered', 'shipped', 'undelivered')"
REMOTE = {
    "open": "10",
    "approved": "101",
    "preparing": "102",
    "invoiced": "200",
    "ready_to_ship": "210",
    "shipped": "30",
    "delivered": "50",
    "undelivered": "30",
    "cancelled": "60",
}
WORK = ("open", "approved", "approved", "approved", "preparing", "invoiced", "ready_to_ship")


@dataclass(frozen=True)
class History:
    """Who may see everything, and how many orders there are."""

    user: User
    orders: int

    def external_id(self, number: int) -> str:
        return str(FIRST_NUMBER + number * NUMBER_STEP)


def history_make(orders: int, tell: Callable[[str], None] = lambda text: None) -> History:
    """Fill the empty database at hand; `tell` hears what each table took."""
    company = company_create(
        name="Medida Ltda", trade_name="Medida", tax_id="11222333000181", state_code="SP", city="São Paulo"
    )
    user = User.objects.create_user("medida", password=None, company=company, role=Role.ADMIN)
    fill = _Fill(company, user, orders, tell)
    with connection.cursor() as cursor:
        fill.run(cursor)
    return History(user, orders)


@contextmanager
def bare_tables() -> Iterator[None]:
    """On PostgreSQL the tables without foreign keys and plain indexes while this lasts; both are made anew at
    the end, which takes a tenth of the time. What the planner knows is read from the full tables."""
    if connection.vendor != "postgresql":
        yield
        statistics_refresh()
        return
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
        )
        keys = cursor.fetchall()
        cursor.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE NOT indisunique AND relnamespace = 'public'::regnamespace"
        )
        indexes = cursor.fetchall()
        for table, name, _ in keys:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
    yield
    with connection.cursor() as cursor:
        for _, definition in indexes:
            cursor.execute(definition)
        for table, name, definition in keys:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT" if _may_checkpoint(cursor) else "SELECT 1")


def _may_checkpoint(cursor: Any) -> bool:
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return bool(cursor.fetchone()[0])


class _Fill:
    """The statements, one a table."""

    def __init__(self, company: Company, user: User, orders: int, tell: Callable[[str], None]) -> None:
        self.company, self.user, self.orders, self.tell = company, user, orders, tell
        self.now = int(time.time()) - 60
        self.stores = [self._store(f"Kwai Shop {number}") for number in (1, 2, 3)]
        self.methods = list(ShippingMethod.objects.filter(company=company).order_by("pk"))
        self.groups = max(orders // GROUP_SIZE, 2 * OPEN_GROUPS)
        self.waiting = max(orders // 500, 200)
        self.judged = orders - orders // 500
        self._goods()

    def run(self, cursor: Any) -> None:
        self.cursor = cursor
        self._orders()
        self._parts()
        self._platform()
        self._notes()
        self._shipments()
        self._pushes()
        self._stock()
        Counter.objects.take(company_id=self.company.pk, name="order", count=self.orders)
        tables = (Order, ShipmentGroup, Invoice, Shipment)
        for statement in connection.ops.sequence_reset_sql(no_style(), list(tables)):
            cursor.execute(statement)

    def _store(self, name: str) -> Store:
        store = store_install(company=self.company, user=self.user, name=name)
        activated = timezone.now() - timedelta(days=800)
        Store.objects.filter(pk=store.pk).update(lifecycle=StoreLifecycle.ACTIVE, activated_at=activated)
        ends = timezone.now() + timedelta(days=30)
        KwaiAccount.objects.filter(pk=store.pk).update(
            health=ConnectionHealth.OK,
            merchant_id=str(store.pk),
            **NO_TOKENS,
            access_expires_at=ends,
            refresh_expires_at=ends,
            refresh_due_at=ends,
        )
        return store

    def _goods(self) -> None:
        company = self.company
        products = Product.objects.bulk_create(
            Product(company=company, name=f"Produto número {n}", is_active=n % 40 > 0) for n in range(SKUS)
        )
        skus = Sku.objects.bulk_create(
            Sku(company=company, product=product, code=f"SKU-{n}", price=4_990, specification="Azul / M")
            for n, product in enumerate(products)
        )
        self.warehouse, _ = Warehouse.objects.get_or_create(
            company=company, is_default=True, defaults={"name": "Geral"}
        )
        StockItem.objects.bulk_create(
            StockItem(sku=sku, warehouse=self.warehouse, on_hand=ON_HAND) for sku in skus
        )
        self.first_sku = skus[0].pk

    def _orders(self) -> None:
        placed = f"({self.now} - ({self.orders} - i) * {YEARS} / {self.orders})"
        status = (
            "CASE WHEN i %% 33 = 0 THEN 'cancelled'"
            f" WHEN i * 100 > {self.orders} * 97 THEN {_pick('i', WORK)}"
            f" WHEN i * 100 > {self.orders} * 94 THEN 'shipped'"
            " WHEN i %% 997 = 0 THEN 'undelivered' ELSE 'delivered' END"
        )
        goods = "4990 * (1 + i %% 9) + i * 7919 %% 3000"
        closed = f"CASE WHEN status = 'cancelled' THEN {_at('placed + 3600')} END"
        self._insert(
            Order,
            {
                "id": "i",
                "company_id": str(self.company.pk),
                "store_id": _pick(
                    "i", [*[self.stores[0].pk] * 6, *[self.stores[1].pk] * 3, self.stores[2].pk]
                ),
                "number": "i",
                "external_id": f"CAST({FIRST_NUMBER} + i * {NUMBER_STEP} AS VARCHAR(40))",
                "status": "status",
                "remote_status": _match("status", REMOTE),
                "items_total": "goods",
                "freight_total": "1000",
                "total": "goods + 1000",
                "placed_at": _at("placed"),
                "paid_at": _at("placed"),
                "ship_by_at": f"CASE WHEN i %% 50 > 0 THEN {_at(f'placed + 2 * {DAY}')} END",
                "cancelled_at": closed,
                "closed_at": closed,
                "shipped_by": _pick("i", ["seller", "seller", "channel"]),
                "shipping_method_id": _pick("i", [each.pk for each in self.methods]),
                "carrier_id": _pick("i", [each.carrier_id for each in self.methods]),
                "created_at": _at("placed"),
                "updated_at": _at("placed"),
            },
            f"(SELECT i, {placed} AS placed, {status} AS status, {goods} AS goods FROM n) AS orders",
            self.orders,
        )

    def _parts(self) -> None:
        name = (
            f"CASE WHEN i %% {RARE_EVERY} = 17 THEN '{RARE_NAME}' ELSE {_pick('i', FIRST_NAMES)} || ' ' || "
            f"{_pick('i / 7', LAST_NAMES)} || ' ' || {_pick('i / 50', LAST_NAMES)} END"
        )
        buyer = {"order_id": "i", "name": name, "tax_id": "LPAD(CAST(i AS VARCHAR(11)), 11, '5')"}
        self._insert(Buyer, buyer | {"tax_id_kind": "'CPF'", "phone": "'+5511999990000'"}, "n", self.orders)
        address = {
            "order_id": "i",
            "recipient": "'Ana Souza'",
            "postal_code": _pick("i", [code.replace("-", "") for _, _, code in CITIES]),
            "state_code": _pick("i", [state for state, _, _ in CITIES]),
            "city": _pick("i", [city for _, city, _ in CITIES]),
            "district": "'Centro'",
            "street": "'Avenida Principal'",
            "number": "CAST(i %% 2000 AS VARCHAR(20))",
        }
        self._insert(DeliveryAddress, address, "n", self.orders)
        product = f"(i * 7 + position * 13) %% {SKUS}"
        line = {
            "order_id": "i",
            "position": "position",
            "sku_id": f"{self.first_sku} + {product}",
            "external_item_id": f"CAST(2900000000000000000 + {product} AS VARCHAR(40))",
            "external_sku_id": f"CAST(3900000000000000000 + {product} AS VARCHAR(40))",
            "title": f"'Produto número ' || {product}",
            "quantity": "1",
            "unit_price": "4990",
        }
        self._insert(
            OrderLine, line, "n, (SELECT 1 AS position UNION ALL SELECT 2) AS positions", self.orders
        )
        event = {"order_id": "id", "at": "placed_at", "kind": "kind", "text": "'Pedido recebido: aprovado'"}
        kinds = "(SELECT 'received' AS kind UNION ALL SELECT 'status') AS kinds"
        self._insert(OrderEvent, event, f"sales_order, {kinds}")

    def _platform(self) -> None:
        text = "'{\"orderId\": ' || external_id || ', \"x\": \"' || REPEAT(MD5(external_id), 38) || '\"}'"
        common = {
            "store_id": "store_id",
            "external_id": "external_id",
            "state": "state",
            "remote_status": "remote_status",
            "buyer_name": "buyer_name",
            "summary": "summary",
            "total": "total",
            "placed_at": "placed_at",
            "ship_by_at": "ship_by_at",
            "shipping_type": "'SELLER'",
            "payment_code": "'PIX'",
            "digest": "REPEAT(MD5(external_id), 2)",
            "fetch_started_at": "placed_at",
            "staged_at": "placed_at",
            "updated_at": "placed_at",
        }
        product = f"(sales_order.id * 7 + 13) %% {SKUS}"
        received = (
            "(SELECT sales_order.*, sales_buyer.name AS buyer_name, 'received' AS state,"
            f" '1x Produto número ' || {product} || ', 1x outro' AS summary FROM sales_order"
            " JOIN sales_buyer ON sales_buyer.order_id = sales_order.id) AS received"
        )
        # Kwai has judged the notes of all but the last hours.
        verdict = (
            f"CASE WHEN id > {self.judged} OR status NOT IN {SENT} THEN ''"
            f" WHEN id %% 900 = 11 THEN '{KwaiInvoiceStatus.REFUSED}' ELSE '{KwaiInvoiceStatus.ACCEPTED}' END"
        )
        done = {
            "order_id": "id",
            "received_digest": "REPEAT(MD5(external_id), 2)",
            "received_at": "placed_at",
            "invoice_status": verdict,
        }
        self._insert(KwaiOrder, common | done, received)
        state = "CASE WHEN i %% 10 = 0 THEN 'quarantined' WHEN i %% 3 = 0 THEN 'unlinked' ELSE 'staged' END"
        waiting = (
            f"(SELECT {self.stores[0].pk} AS store_id,"
            " CAST(2500000000000000000 + i AS VARCHAR(40)) AS external_id,"
            f" {state} AS state, '101' AS remote_status, 'Ana Souza' AS buyer_name, '1x Produto' AS summary,"
            f" 10980 AS total, {_at(f'{self.now} - i * 60')} AS placed_at,"
            f" {_at(f'{self.now} + {DAY} - i * 60')} AS ship_by_at FROM n) AS waiting"
        )
        self._insert(KwaiOrder, common, waiting, self.waiting)
        answer = {"kwai_order_id": "id", "text": text, "stored_at": "placed_at"}
        self._insert(KwaiOrderAnswer, answer, "kwai_integration_kwaiorder")
        listing = {
            "store_id": "store_id",
            "item_id": "CAST(2900000000000000000 + i AS VARCHAR(40))",
            "sku_id_remote": "CAST(3900000000000000000 + i AS VARCHAR(40))",
            "seller_code": "'SKU-' || i",
            "title": "'Produto número ' || i",
            "first_seen_at": _at(f"{self.now} - i * 3600"),
            "sku_id": f"CASE WHEN i %% 200 > 0 THEN {self.first_sku} + i %% {SKUS} END",
        }
        stores = " UNION ALL ".join(f"SELECT {store.pk} AS store_id" for store in self.stores)
        self._insert(Listing, listing, f"n, ({stores}) AS stores", SKUS)
        event = {
            "store_id": "store_id",
            "event_id": "'ev-' || id",
            "event": "'order_updated'",
            "subject": "external_id",
            "payload": "'{}'",
            "state": "'done'",
            "attempts": "1",
            "received_at": "placed_at",
            "not_before": "placed_at",
            "settled_at": "placed_at",
        }
        self._insert(InboundEvent, event, "sales_order WHERE id %% 10 = 0")

    def _notes(self) -> None:
        note = {
            "company_id": str(self.company.pk),
            "access_key": "access_key",
            "number": "number",
            "series": "1",
            "environment": "'homologation'",
            "status": "status",
            "issued_at": "at",
            "authorized_at": "at",
            "authorization_protocol": "'135000000000000'",
            "issuer_tax_id": "'11222333000181'",
            "recipient_tax_id": "tax_id",
            "recipient_name": "name",
            "total": "total",
            "created_at": "at",
            "updated_at": "at",
            "cancelled_at": "CASE WHEN status = 'cancelled' THEN at END",
            "danfe_printed_at": "CASE WHEN status = 'danfe_issued' THEN at END",
        }
        status = (
            "CASE WHEN sales_order.id %% 200 = 0 THEN 'cancelled' WHEN status = 'invoiced' THEN 'authorised'"
            " ELSE 'danfe_issued' END"
        )
        own = (
            "(SELECT sales_order.id, store_id,"
            f" {_key(KEY_BEGINNING + '1', 'sales_order.id')} AS access_key,"
            f" sales_order.number, {status} AS status, sales_order.status AS order_status, placed_at AS at,"
            " tax_id, name, total FROM sales_order"
            " JOIN sales_buyer ON sales_buyer.order_id = sales_order.id"
            f" WHERE status IN {SENT} OR status IN ('invoiced', 'ready_to_ship')) AS notes"
        )
        linked = {
            "id": "id",
            "store_id": "store_id",
            "order_id": "id",
            "sent_at": f"CASE WHEN order_status IN {SENT} THEN at END",
            "judged_at": f"CASE WHEN order_status IN {SENT} AND id <= {self.judged} THEN at END",
        }
        linked["shipping_method_id"] = _pick("id", [each.pk for each in self.methods])
        self._insert(Invoice, note | linked, own)
        self._sequences(Invoice)
        pending = (
            f"(SELECT {_key(KEY_BEGINNING + '2', 'i')} AS access_key, i AS number, 'pending' AS status,"
            f" {_at(f'{self.now} - i * 3600')} AS at, '52998224725' AS tax_id, 'Ana Souza' AS name,"
            " 10980 AS total FROM n) AS notes"
        )
        self._insert(Invoice, note, pending, 50)
        refused = {
            "company_id": str(self.company.pk),
            "sha256": "REPEAT(MD5('file ' || i), 2)",
            "size": "0",
            "file_name": "'nota-' || i || '.xml'",
            "times": "1",
            "created_at": _at(f"{self.now} - i * 3600"),
            "last_sent_at": _at(f"{self.now} - i * 3600"),
            "updated_at": _at(f"{self.now} - i * 3600"),
        }
        self._insert(RefusedFile, refused, "n", 50)

    def _shipments(self) -> None:
        is_open = f"i > {self.groups - OPEN_GROUPS}"
        at = _at(f"{self.now} - ({self.groups} - i) * {YEARS} / {self.groups}")
        method = self.methods[0]
        group = {
            "id": "i",
            "company_id": str(self.company.pk),
            "number": "i",
            "kind": "'pickup'",
            "status": f"CASE WHEN {is_open} THEN 'open' ELSE 'concluded' END",
            "shipping_method_id": str(method.pk),
            "created_at": at,
            "updated_at": at,
            "concluded_at": f"CASE WHEN {is_open} THEN NULL ELSE {at} END",
        }
        self._insert(ShipmentGroup, group, "n", self.groups)
        concluded = self.groups - OPEN_GROUPS
        number, sent = "sales_order.id", max(self.orders * 97 // 100, 1)
        shipment = {
            "id": "sales_order.id",
            "company_id": "sales_order.company_id",
            "store_id": "sales_order.store_id",
            "order_id": "sales_order.id",
            "invoice_id": "invoices_invoice.id",
            "group_id": (
                f"CASE WHEN sales_order.status IN {SENT} THEN 1 + {number} * {concluded - 1} / {sent}"
                f" WHEN {number} %% 10 = 0 THEN {concluded} + 1 + {number} / 10 %% {OPEN_GROUPS} END"
            ),
            "number": "sales_order.number",
            "ship_by_at": "sales_order.ship_by_at",
            "method_shown_id": str(method.pk),
            "status": (
                "CASE sales_order.status WHEN 'delivered' THEN 'delivered' WHEN 'shipped' THEN 'concluded'"
                " WHEN 'undelivered' THEN 'concluded' ELSE 'pending' END"
            ),
            "shipping_method_id": str(method.pk),
            "carrier_id": str(method.carrier_id),
            "created_at": "placed_at",
            "updated_at": "placed_at",
            "concluded_at": f"CASE WHEN sales_order.status IN {SENT} THEN placed_at END",
            "delivered_at": "CASE WHEN sales_order.status = 'delivered' THEN placed_at END",
        }
        join = "invoices_invoice JOIN sales_order ON sales_order.id = invoices_invoice.order_id"
        self._insert(Shipment, shipment, join)
        code = "'VZ' || LPAD(CAST(id AS VARCHAR(11)), 11, '0')"
        package = {
            "company_id": "company_id",
            "shipment_id": "id",
            "sequence": "1",
            "tracking_code": f"CASE WHEN status = 'pending' THEN '' ELSE {code} END",
            "holds_code": "status = 'concluded'",
        }
        self._insert(Package, package, "expedition_shipment")

    def _pushes(self) -> None:
        kinds = "(SELECT 'kwai.send_invoice' AS kind UNION ALL SELECT 'kwai.send_tracking') AS kinds"
        rows = (
            "(SELECT id, store_id, external_id, placed_at, kind, CASE WHEN id %% 3000 = 7 THEN 'blocked'"
            f" WHEN status NOT IN {SENT} THEN 'pending' ELSE 'done' END AS state,"
            f" {_key(KEY_BEGINNING + '1', 'id')} AS content FROM sales_order, {kinds}"
            f" WHERE status IN {SENT} OR (status = 'invoiced' AND id %% 3 = 0)) AS pushes"
        )
        push = {
            "store_id": "store_id",
            "kind": "kind",
            "subject": "external_id",
            "idempotency_key": "store_id || ':' || kind || ':' || external_id || ':' || content",
            "step": "CASE kind WHEN 'kwai.send_invoice' THEN 1 ELSE 2 END",
            "state": "state",
            "failure_mode": "CASE state WHEN 'blocked' THEN 'rejected' ELSE '' END",
            "attempts": "1",
            "first_attempt_at": "placed_at",
            "not_before": "placed_at",
            "requested_at": "placed_at",
            "origin": "'rule'",
            "created_at": "placed_at",
            "updated_at": "placed_at",
            "finished_at": "CASE state WHEN 'done' THEN placed_at END",
        }
        self._insert(PushJob, push, rows)

    def _stock(self) -> None:
        reservation = {
            "order_line_id": "sales_orderline.id",
            "sku_id": "sku_id",
            "warehouse_id": str(self.warehouse.pk),
            "wanted": "quantity",
            "held": "CASE WHEN sales_orderline.id %% 59 = 0 THEN 0 ELSE quantity END",
        }
        self._insert(
            StockReservation,
            reservation,
            "sales_orderline JOIN sales_order ON sales_order.id = sales_orderline.order_id"
            " WHERE status IN ('open', 'approved', 'preparing')",
        )
        self.cursor.execute(
            "UPDATE stock_stockitem SET reserved = COALESCE((SELECT SUM(held) FROM stock_stockreservation"
            " WHERE stock_stockreservation.sku_id = stock_stockitem.sku_id), 0)"
        )

    def _insert(self, model: type[Model], columns: Mapping[str, str], source: str, numbers: int = 0) -> None:
        """Rows of `model` out of `source`: `columns` are SQL, every other column gets what a new object has.
        With `numbers` the source may read the table `n` of `i`, from 1 to it."""
        begun = time.monotonic()
        values: list[Any] = []
        chosen = dict(columns)
        for each in model._meta.concrete_fields:
            if each.column in chosen or isinstance(each, AutoField) or each.db_default is not NOT_PROVIDED:
                continue
            if not each.null:
                chosen[each.column] = "%s"
                values.append(each.get_db_prep_save(each.get_default(), connection))
        counted = (
            "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < "
            f"{numbers}) "
        )
        self.cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(chosen)})"
            f" {counted if numbers else ''}SELECT {', '.join(chosen.values())} FROM {source}",
            values,
        )
        self.tell(f"{model.__name__:18s} {self.cursor.rowcount:9d} rows {time.monotonic() - begun:6.1f} s")

    def _sequences(self, model: type[Model]) -> None:
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            self.cursor.execute(statement)


def _at(seconds: str) -> str:
    """The SQL of an instant, from one of seconds since 1970."""
    return (
        f"to_timestamp({seconds})"
        if connection.vendor == "postgresql"
        else f"datetime({seconds}, 'unixepoch')"
    )


def _pick(number: str, values: Sequence[object]) -> str:
    """The SQL that takes one of `values` in turn."""
    return _match(f"({number}) %% {len(values)}", dict(enumerate(values)))


def _match(value: str, table: Mapping[Any, object]) -> str:
    cases = " ".join(f"WHEN {_literal(key)} THEN {_literal(found)}" for key, found in table.items())
    return f"CASE {value} {cases} END"


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _key(prefix: str, number: str) -> str:
    return f"'{prefix}' || LPAD(CAST({number} AS VARCHAR(19)), 19, '0')"
