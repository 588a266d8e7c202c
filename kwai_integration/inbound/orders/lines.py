"""The lines of an order: new ones, and how those here become those of an answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from erp.sales.models import Order, OrderLine
from kwai_integration.inbound.orders.rules import IncomingOrder
from kwai_integration.mapping.orders import MappedLine

LINE_FIELDS = ("title", "specification", "quantity", "unit_price")


def lines_new(order: Order, entry: IncomingOrder) -> list[OrderLine]:
    linked = zip(entry.mapped.lines, entry.sku_ids or [], strict=True)
    return [line_new(order, position, line, sku_id) for position, (line, sku_id) in enumerate(linked, 1)]


def line_new(order: Order, position: int, line: MappedLine, sku_id: int) -> OrderLine:
    return OrderLine(
        order=order,
        position=position,
        sku_id=sku_id,
        external_item_id=line.item_id,
        external_sku_id=line.sku_id,
        **{name: getattr(line, name) for name in LINE_FIELDS},
    )


class LinePlan:
    """How the lines of one order become those of the answer.

    A line that stays keeps its row and its position, because stock reservations name the row, and keeps
    the SKU it was linked to, because the link is ours and not the platform's.
    """

    def __init__(self, lines: Sequence[OrderLine], entry: IncomingOrder) -> None:
        self.changed: list[OrderLine] = []
        self.added: list[tuple[int, MappedLine, int]] = []
        self.keeps_texts = "line_details" in entry.mapped.unread
        left: dict[tuple[str, str], list[OrderLine]] = defaultdict(list)
        for line in lines:
            left[line.external_item_id, line.external_sku_id].append(line)
        unmatched: list[tuple[MappedLine, int]] = []
        for changes, sku_id in zip(entry.mapped.lines, entry.sku_ids or [], strict=True):
            if same := left[changes.item_id, changes.sku_id]:
                self._take(same.pop(0), changes)
            else:
                unmatched.append((changes, sku_id))
        rest = [line for lines in left.values() for line in lines]
        position = max((line.position for line in lines), default=0)
        for changes, sku_id in unmatched:
            known = next((line for line in rest if _may_be(line, changes, sku_id)), None)
            if known is None:
                position += 1
                self.added.append((position, changes, sku_id))
            else:
                rest.remove(known)
                self._take(known, changes)
        self.removed = rest

    def _take(self, line: OrderLine, changes: MappedLine) -> None:
        reported = [name for name in LINE_FIELDS if not self.keeps_texts or getattr(changes, name) != ""]
        if all(getattr(line, name) == getattr(changes, name) for name in reported):
            return
        for name in reported:
            setattr(line, name, getattr(changes, name))
        self.changed.append(line)

    @property
    def differs(self) -> bool:
        return bool(self.changed or self.added or self.removed)


def _may_be(line: OrderLine, changes: MappedLine, sku_id: int) -> bool:
    """An answer that leaves out an id of a line still means the line with the same SKU."""
    has_gap = not changes.item_id or not changes.sku_id
    return (
        has_gap
        and line.sku_id == sku_id
        and changes.item_id in ("", line.external_item_id)
        and changes.sku_id in ("", line.external_sku_id)
    )
