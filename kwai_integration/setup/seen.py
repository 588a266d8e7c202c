"""Which codes of the platform the store's orders carry, and how many orders each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count

from erp.accounts.models import Store
from kwai_integration.models import KwaiOrder
from kwai_integration.wire.codes import ShippingType

# From one code to the next along the index `kwai_order_codes`: the cost grows with stores and codes alone.
_SITUATIONS = """
WITH RECURSIVE seen (store_id, code) AS (
    SELECT store.id, (SELECT MIN(remote_status) FROM kwai_integration_kwaiorder WHERE store_id = store.id)
    FROM accounts_store AS store
    UNION ALL
    SELECT seen.store_id, (
        SELECT MIN(remote_status) FROM kwai_integration_kwaiorder
        WHERE store_id = seen.store_id AND remote_status > seen.code
    )
    FROM seen WHERE seen.code IS NOT NULL
)
SELECT store_id, code FROM seen WHERE code > ''
"""


@dataclass(frozen=True)
class SeenCode:
    """Code -> orders that carry it."""

    situations: Counter[str] = field(default_factory=Counter)
    shippings: Counter[str] = field(default_factory=Counter)
    payments: Counter[str] = field(default_factory=Counter)


def situations_seen() -> list[tuple[int, str]]:
    """The situations that orders of each store are in, as (store id, code)."""
    with connection.cursor() as cursor:
        cursor.execute(_SITUATIONS)
        return [(int(store_id), str(code)) for store_id, code in cursor.fetchall()]


def codes_seen(store: Store) -> SeenCode:
    """One statement, answered from an index alone: a store may have a million orders.

    Ways of shipping are the carrier codes of the platform's own logistics, and shipping types. What a seller
    ships itself carries our own carrier code back: there is nothing to map in it.
    """
    seen = SeenCode()
    rows = KwaiOrder.objects.filter(store=store).order_by()
    reported = rows.values_list("remote_status", "shipping_type", "remote_carrier_code", "payment_code")
    for situation, shipping, carrier, payment, count in reported.annotate(count=Count("store_id")):
        shippings = {shipping, carrier if shipping != ShippingType.SELLER else ""} if shipping else set()
        for codes, found in (
            (seen.situations, {situation}),
            (seen.shippings, shippings),
            (seen.payments, {payment}),
        ):
            codes.update({code: count for code in found if code})
    return seen
