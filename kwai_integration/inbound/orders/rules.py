"""What the stores of a batch have decided, and one order on its way in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

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
