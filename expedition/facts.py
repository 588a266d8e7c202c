"""What the expedição does when other rooms tell a fact (ADR 0002)."""

from __future__ import annotations

from collections.abc import Sequence

from erp.channels import Facts
from expedition.services import shipments_follow_invoices, shipments_follow_orders


class ExpeditionFacts(Facts):
    def invoice_authorised(self, ids: Sequence[int]) -> None:
        """The note finds its order's shipment or opens one, so that nobody has to include it by hand."""
        shipments_follow_invoices(invoice_ids=ids)

    def order_terms_changed(self, order_ids: Sequence[int]) -> None:
        shipments_follow_orders(order_ids=order_ids)
