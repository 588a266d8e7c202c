"""Which codes of the platform the store's orders carry, and how many orders each."""

from __future__ import annotations

from django.db.models import Count

from erp.accounts.models import Store
from kwai_integration.client.codes import ShippingType
from kwai_integration.models import KwaiOrder


def statuses_seen(store: Store) -> dict[str, int]:
    return _counts(store, "remote_status")


def payments_seen(store: Store) -> dict[str, int]:
    return _counts(store, "payment_code")


def shippings_seen(store: Store) -> dict[str, int]:
    """Carrier codes of the platform's own logistics, and shipping types. What a seller ships itself carries
    our own carrier code back: there is nothing to map in it."""
    rows = KwaiOrder.objects.filter(store=store).exclude(shipping_type="")
    types = rows.values_list("shipping_type").annotate(count=Count("pk")).order_by()
    carriers = rows.exclude(shipping_type=ShippingType.SELLER).exclude(remote_carrier_code="")
    codes = carriers.values_list("remote_carrier_code").annotate(count=Count("pk")).order_by()
    return {**dict(types), **dict(codes)}


def _counts(store: Store, column: str) -> dict[str, int]:
    rows = KwaiOrder.objects.filter(store=store).exclude(**{column: ""})
    return dict(rows.values_list(column).annotate(count=Count("pk")).order_by())
