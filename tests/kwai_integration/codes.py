"""The situations tests speak of, by role: the product's table says the number. Texts in answers and mappings
are `str(PAID)`, numbers on the wire `PAID`."""

from __future__ import annotations

from kwai_integration.wire.codes import SITUATIONS, KwaiRole

_BY_ROLE = {row.role: int(row.code) for row in SITUATIONS.values()}

UNPAID = _BY_ROLE[KwaiRole.AWAITING_PAYMENT]
PAID = _BY_ROLE[KwaiRole.AWAITING_INVOICE]
TO_ARRANGE = _BY_ROLE[KwaiRole.TO_ARRANGE]
PICKUP = _BY_ROLE[KwaiRole.AWAITING_PICKUP]
PACKED = _BY_ROLE[KwaiRole.PACKED]
SHIPPED = _BY_ROLE[KwaiRole.SHIPPED]
RECEIVED = _BY_ROLE[KwaiRole.DELIVERED]
COMPLETED = _BY_ROLE[KwaiRole.COMPLETED]
CLOSED = _BY_ROLE[KwaiRole.CLOSED]
# A code of no row.
NOBODYS = 77
