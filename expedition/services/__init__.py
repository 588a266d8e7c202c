"""Writes of the expedição. Every one answers per row and takes its locks in one order: the group,
then orders by pk, then shipments by pk (ADR 0002 says why orders come first)."""

from expedition.services.channel_codes import shipments_channel_codes_drop, shipments_channel_codes_set
from expedition.services.groups import (
    GroupOutcome,
    group_add,
    group_conclude,
    group_create,
    group_discard,
    group_prepare,
    group_remove,
)
from expedition.services.imports import ImportedLine, tracking_import
from expedition.services.shipments import (
    expected_delivery_set,
    shipment_cancel,
    shipments_carrier_set,
    shipments_deliver,
    shipments_follow_invoices,
    shipments_follow_orders,
    shipments_mark_delivered,
    shipments_open,
)
from expedition.services.tracking import packages_set, tracking_set

__all__ = [
    "GroupOutcome",
    "ImportedLine",
    "expected_delivery_set",
    "group_add",
    "group_conclude",
    "group_create",
    "group_discard",
    "group_prepare",
    "group_remove",
    "packages_set",
    "shipment_cancel",
    "shipments_carrier_set",
    "shipments_channel_codes_drop",
    "shipments_channel_codes_set",
    "shipments_deliver",
    "shipments_follow_invoices",
    "shipments_follow_orders",
    "shipments_mark_delivered",
    "shipments_open",
    "tracking_import",
    "tracking_set",
]
