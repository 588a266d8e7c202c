"""What is sent by itself, where a store's settings ask for it: when it becomes a fact, and once more when
its order may move on again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from erp.accounts.models import Store
from erp.outbox.statuses import Origin
from erp.sales.models import ShippedBy
from expedition.models import Shipment, ShipmentStatus
from invoices.models import ISSUED, Invoice
from kwai_integration.client.writes import Permit, Write
from kwai_integration.models import CHANNEL_KEY
from kwai_integration.outbound import arranging, push_requests
from kwai_integration.outbound.permits import permit_of, roles_for


def invoices_by_rule(ids: Sequence[int]) -> None:
    chosen = _stores_with("auto_send_invoice")
    wanted = [row for row in push_requests.own_invoices(ids) if row.store_id in chosen]
    push_requests.invoices_request(wanted, user=None, origin=Origin.RULE)


def invoices_authorised(ids: Sequence[int]) -> None:
    """A new note goes, and with it the code of a parcel that was handed over before it had one in force."""
    invoices_by_rule(ids)
    late = Shipment.objects.filter(order__invoices__in=ids, status=ShipmentStatus.CONCLUDED)
    trackings_by_rule(list(late.values_list("pk", flat=True)))
    arrangements_by_rule(_orders_of(ids))


def trackings_by_rule(ids: Sequence[int]) -> None:
    chosen = _stores_with("auto_send_tracking")
    wanted = [row for row in push_requests.own_shipments(ids) if row.store_id in chosen]
    push_requests.trackings_request(wanted, user=None, origin=Origin.RULE)


def shipments_concluded(ids: Sequence[int]) -> None:
    """What the seller ships sends its code, where the store wants that; what Kwai carries its note."""
    trackings_by_rule(ids)
    arranging.invoices_of_concluded(push_requests.own_shipments(ids))


def arrangements_by_rule(order_ids: Collection[int]) -> None:
    """Orders whose note Kwai has accepted: what waited for that goes, and stores that want it arrange."""
    if order_ids:
        arranging.orders_may_be_arranged(order_ids, store_ids=_stores_with("auto_arrange"))


def deliveries_by_rule(ids: Sequence[int]) -> None:
    """Nothing to confirm where Kwai itself says that the order has arrived."""
    chosen = _stores_with("auto_confirm_delivery")
    if not chosen:
        return
    rows = [row for row in push_requests.own_shipments(ids) if row.store_id in chosen]
    roles = roles_for([row.order for row in rows])
    wanted = [row for row in rows if permit_of(Write.CONFIRM_DELIVERY, row.order, roles) is not Permit.DONE]
    push_requests.deliveries_request(wanted, user=None, origin=Origin.RULE)


def orders_released(order_ids: Collection[int]) -> None:
    """A hold or a refund ended: what it kept from leaving, or stopped on its way, goes now."""
    if not order_ids:
        return
    invoices = Invoice.objects.filter(order__in=order_ids, status__in=ISSUED)
    invoices_by_rule(list(invoices.values_list("pk", flat=True)))
    shipments = Shipment.objects.filter(order__in=order_ids)
    for status, rule in (
        (ShipmentStatus.CONCLUDED, trackings_by_rule),
        (ShipmentStatus.DELIVERED, deliveries_by_rule),
    ):
        rule(list(shipments.filter(status=status).values_list("pk", flat=True)))
    arrangements_by_rule(order_ids)


def _orders_of(invoice_ids: Sequence[int]) -> list[int]:
    """Orders of these notes that Kwai carries."""
    rows = Invoice.objects.filter(pk__in=invoice_ids, order__shipped_by=ShippedBy.CHANNEL)
    return [pk for pk in rows.values_list("order_id", flat=True) if pk is not None]


def _stores_with(option: str) -> set[int]:
    """Stores whose settings ask for a sending by itself."""
    chosen = Store.objects.active().filter(channel=CHANNEL_KEY, **{f"kwai_settings__{option}": True})
    return set(chosen.values_list("pk", flat=True))
