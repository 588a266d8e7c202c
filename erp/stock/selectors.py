"""Reads that several pages share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import F, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from erp.catalog.balances import Balance
from erp.catalog.models import Sku
from erp.stock.models import StockItem, StockReservation


def skus_with_balance(skus: QuerySet[Sku], warehouse_id: int | None = None) -> QuerySet[Sku]:
    """`skus` with `on_hand`, `reserved`, `available` and `waiting` (units orders still want), in one
    warehouse or over all of them. A SKU that never moved has zeros."""
    items = StockItem.objects.filter(sku=OuterRef("pk"))
    waiting = StockReservation.objects.waiting().filter(sku=OuterRef("pk"))
    if warehouse_id:
        items, waiting = items.filter(warehouse=warehouse_id), waiting.filter(warehouse=warehouse_id)
    return skus.annotate(
        on_hand=_total(items, F("on_hand")),
        reserved=_total(items, F("reserved")),
        # A sum of its own: as a difference of the two above the database would add both up again.
        available=_total(items, F("on_hand") - F("reserved")),
        waiting=_total(waiting, F("wanted") - F("held")),
    )


def _total(rows: QuerySet[Any], units: Any) -> Coalesce:
    sums = rows.order_by().values("sku").annotate(total=Sum(units)).values("total")
    return Coalesce(Subquery(sums, output_field=IntegerField()), 0)


def balances_of(sku_ids: Collection[int]) -> dict[int, Balance]:
    """Over all warehouses; SKUs that never moved are left out."""
    sums = (
        StockItem.objects.filter(sku_id__in=sku_ids)
        .order_by()
        .values("sku_id")
        .annotate(on=Sum("on_hand"), kept=Sum("reserved"))
    )
    return {row["sku_id"]: Balance(row["on"], row["kept"]) for row in sums}
