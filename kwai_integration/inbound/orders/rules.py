"""What the stores of a batch have decided, and one order on its way in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Model

from erp.accounts.models import Store
from erp.brazil.documents import CNPJ
from erp.sales.models import OPEN_LINES, ShippedBy, ShippingMethod
from erp.sales.shippers import method_fits
from erp.sales.statuses import OrderStatus
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.mapping.people import name_format
from kwai_integration.models import KwaiOrder, KwaiSettings, PaymentMapping, ShippingMapping, StatusMapping
from kwai_integration.outbound.logistics import shipper_of
from kwai_integration.situations import roles_from
from kwai_integration.wire.codes import KwaiRole

LINKS, EMPTIED = OPEN_LINES
NAMES = ("name", "recipient")
# Columns of amounts, with the fields of the answer each is made of.
AMOUNTS = {
    "items_total": ("lines",),
    "freight_total": ("freight",),
    "seller_discount": ("seller_discount",),
    "platform_discount": ("platform_discount",),
    "total": ("total",),
}


@dataclass
class IncomingOrder:
    """One order on its way in: the staged row, what its answer says, and the SKU of each line.

    `sku_ids` is None while a line has no SKU: then an existing order keeps its lines. `waits` tells that one
    has none, in this answer or in the last one whose lines could be read.
    """

    row: KwaiOrder
    mapped: MappedOrder = field(repr=False)
    sku_ids: list[int] | None
    waits: bool = False

    @property
    def open_parts(self) -> list[str]:
        """What the order cannot take over from this answer; see `Order.unread_parts`."""
        parts = list(self.mapped.unread_parts)
        if self.waits:
            parts.append(LINKS)
        elif not self.mapped.lines and "lines" not in self.mapped.unread:
            parts.append(EMPTIED)
        return parts

    @property
    def store(self) -> Store:
        return self.row.store


@dataclass
class Rules:
    """What the stores of a batch have decided, read once."""

    situations: Mapping[tuple[int, str], OrderStatus]
    shippings: Mapping[tuple[int, str], ShippingMethod]
    payments: Mapping[tuple[int, str], int]
    options: Mapping[int, KwaiSettings]
    roles: Mapping[int, Mapping[str, KwaiRole]]

    def role(self, store_id: int, remote_status: str) -> KwaiRole | None:
        """What a remote code means in a store; None when nobody has said it."""
        return self.roles[store_id].get(remote_status)

    def situation(self, store_id: int, remote_status: str) -> OrderStatus | None:
        """The ERP situation for a remote code, None when it is *não mapeada*."""
        return self.situations.get((store_id, remote_status))

    def shipping(self, store_id: int, mapped: MappedOrder, shipped_by: str) -> ShippingMethod | None:
        """The *forma de envio* of the closest code that is mapped to one that fits who carries the order."""
        found = (self.shippings.get((store_id, code)) for code in mapped.shipping_codes)
        return next((method for method in found if method and method_fits(method.kind, shipped_by)), None)

    def shipper(self, store_id: int, mapped: MappedOrder) -> ShippedBy:
        """Who carries a new order; the store's default where the answer does not say."""
        reported = shipper_of(mapped.shipping_type)
        options = self.options.get(store_id)
        return (
            reported
            if reported is not ShippedBy.UNKNOWN or options is None
            else ShippedBy(options.unknown_shipping)
        )

    def payment_id(self, store_id: int, mapped: MappedOrder) -> int | None:
        """The *forma de recebimento* of the order's main payment."""
        return self.payments.get((store_id, mapped.payment_code))

    @property
    def warehouses(self) -> dict[int, int | None]:
        """Where the orders of each store reserve; None for the company's default."""
        return {store_id: options.warehouse_id for store_id, options in self.options.items()}

    def is_on(self, option: str, store_id: int, *, default: bool = False) -> bool:
        """An option of `KwaiSettings` by name."""
        options = self.options.get(store_id)
        return default if options is None else bool(getattr(options, option))

    def amounts(self, entry: IncomingOrder) -> dict[str, int]:
        """Amounts of the sales order, with or without freight as the store wants them; those that could not
        be read are missing."""
        with_freight = self.is_on("import_freight", entry.row.store_id, default=True)
        found, unread = amounts_of(entry.mapped, with_freight=with_freight), entry.mapped.unread
        return {name: value for name, value in found.items() if not unread.intersection(AMOUNTS[name])}

    def shown(self, entry: IncomingOrder, values: Mapping[str, str]) -> dict[str, str]:
        """Values of a buyer or address as the store wants names written. A company's name stays as it is
        registered: LTDA and ME are no words to put in order."""
        is_company = entry.mapped.buyer.tax_id_kind == CNPJ
        if is_company or not self.is_on("format_names", entry.row.store_id):
            return dict(values)
        return {name: name_format(value) if name in NAMES else value for name, value in values.items()}


def amounts_of(mapped: MappedOrder, *, with_freight: bool) -> dict[str, int]:
    """Without *importar valor do frete* the freight, which the platform keeps, counts neither by itself nor
    in the total."""
    return {
        "items_total": mapped.items_total,
        "freight_total": mapped.freight if with_freight else 0,
        "seller_discount": mapped.seller_discount,
        "platform_discount": mapped.platform_discount,
        "total": mapped.total if with_freight else max(mapped.total - mapped.freight, 0),
    }


class KnownRules:
    """The rules of some stores, kept over the pages of a poll.

    What they are made of is looked at again each time, in one statement, and compared as a whole: whoever
    changed a mapping, an option or a way of shipping meanwhile, and however, is not missed. Ask after the
    orders are locked, or a mapping that is saved between the two would be.
    """

    def __init__(self) -> None:
        self._sources: tuple[frozenset[int], frozenset[tuple[Any, ...]]] | None = None
        self._rules: Rules | None = None

    def read(self, store_ids: Collection[int]) -> Rules:
        """The rules of these stores as they stand now."""
        ids = frozenset(store_ids)
        # Before the rules: what is saved between the two statements is then seen as a change next time.
        sources = (ids, _sources(ids))
        if self._rules is None or sources != self._sources:
            self._rules, self._sources = rules_read(ids), sources
        return self._rules


def _sources(store_ids: Collection[int]) -> frozenset[tuple[Any, ...]]:
    """The rows that rules are made of, as text."""
    ids = sorted(store_ids)
    marks = ", ".join(["%s"] * len(ids)) or "NULL"
    mapped = f"SELECT shipping_method_id FROM {ShippingMapping._meta.db_table} WHERE store_id IN ({marks})"  # noqa: S608
    wanted: dict[type[Model], str] = {
        StatusMapping: f"store_id IN ({marks})",
        ShippingMapping: f"store_id IN ({marks})",
        ShippingMethod: f"id IN ({mapped})",
        PaymentMapping: f"store_id IN ({marks})",
        KwaiSettings: f"store_id IN ({marks})",
    }
    columns = {model: [str(each.column) for each in model._meta.concrete_fields] for model in wanted}
    width = max(len(names) for names in columns.values())
    parts = []
    for model, condition in wanted.items():
        texts = [f"CAST({connection.ops.quote_name(name)} AS text)" for name in columns[model]]
        texts += ["CAST(NULL AS text)"] * (width - len(texts))
        table = model._meta.db_table
        # Names come from the models alone; the ids are parameters.
        parts.append(f"SELECT '{table}', {', '.join(texts)} FROM {table} WHERE {condition}")  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), ids * len(parts))
        return frozenset(cursor.fetchall())


def rules_read(store_ids: Collection[int]) -> Rules:
    mappings = list(StatusMapping.objects.filter(store_id__in=store_ids))
    shippings = ShippingMapping.objects.filter(store_id__in=store_ids).select_related("shipping_method")
    payments = PaymentMapping.objects.filter(store_id__in=store_ids)
    return Rules(
        situations={(row.store_id, row.remote_code): OrderStatus(row.status) for row in mappings},
        shippings={(row.store_id, row.remote_code): row.shipping_method for row in shippings},
        payments={(row.store_id, row.remote_code): row.payment_method_id for row in payments},
        options=KwaiSettings.objects.in_bulk(list(store_ids)),
        roles=roles_from(mappings, store_ids),
    )
