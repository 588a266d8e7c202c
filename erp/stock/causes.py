"""How the pages of stock name an order line, which stands in a room stock may not import (ADR 0007)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from erp.accounts.models import User


@dataclass(frozen=True, slots=True)
class Cause:
    """What an order line is called, and where it shows; without `url` the reader may not open it."""

    label: str
    url: str = ""


Describe = Callable[[User, Collection[int]], dict[int, Cause]]
UNKNOWN = Cause("pedido de outra loja")

_describe: list[Describe] = []


def causes_register(describe: Describe) -> None:
    """Tell stock what order lines are called; called from `AppConfig.ready()`. `describe` answers for the
    lines the user may see, in a constant number of statements."""
    _describe.append(describe)


def causes_read(user: User, order_line_ids: Collection[int]) -> dict[int, Cause]:
    """A cause for every one of these lines."""
    found = dict.fromkeys(order_line_ids, UNKNOWN)
    for describe in _describe:
        found.update(describe(user, order_line_ids))
    return found
