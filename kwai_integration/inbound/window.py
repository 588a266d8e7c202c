"""Reading one time window of the order list while orders move (contract section 3, *Paging under change*)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from erp import clock
from kwai_integration.client.gateway import PAGE_SIZE
from kwai_integration.wire.types import OrderPage

# An order that changes leaves the window and shifts the pages behind it, so passes may find more; each
# pass can only find what an earlier one skipped, and more than this means that the list never rests.
MOST_PASSES = 6
MOST_PAGES = 4_000


def tolerance() -> timedelta:
    """By so much a watermark may lie ahead of the platform's clock: the overlap of the windows covers it."""
    return min(timedelta(seconds=settings.KWAI_POLL_OVERLAP_SECONDS), clock.STEP)


def platform_present(own: datetime, reported: datetime | None) -> datetime:
    """Now by the platform's clock, where its answer told it (`told`): our own may be wrong, and what is read
    up to an instant that has not come there would be skipped once it comes."""
    return own if reported is None or abs(reported - own) <= tolerance() else reported


class WindowTooLarge(Exception):
    """The window holds more orders than one slice should; take a shorter one."""


class WindowRestless(Exception):
    """The list kept showing new orders; the window has to be read again."""

    def __init__(self) -> None:
        super().__init__("A lista de pedidos do Kwai mudou sem parar durante a leitura. Será lida de novo.")


@dataclass(frozen=True, slots=True)
class WindowResult:
    """`announced` is what the platform counted last; fewer `seen` than that is worth a notice."""

    seen: int
    announced: int


def window_read(
    list_page: Callable[[int], OrderPage], take: Callable[[list[str]], None], *, largest: int | None
) -> WindowResult:
    """Give every id of the window to `take`, page by page, each id once.

    Finished when one pass saw exactly the ids that every one of its pages announced, or when a pass after
    the first found nothing new. Raises WindowTooLarge before anything is taken when the list announces
    more than `largest`, and WindowRestless when passes keep finding ids.
    """
    seen: set[str] = set()
    for turn in range(MOST_PASSES):
        before = len(seen)
        ids, totals = _pass(list_page, take, seen, largest if turn == 0 else None)
        if totals == {len(ids)} or (turn and len(seen) == before):
            return WindowResult(seen=len(seen), announced=max(totals))
    raise WindowRestless


def _is_all(ids: set[str], known: int, number: int, page: OrderPage) -> bool:
    """A page that is not full is the last one, unless the platform gives shorter pages than were asked for:
    then more are announced than were met, until a page brings nothing new."""
    return len(ids) >= page.total or (len(ids) == known and number * PAGE_SIZE >= page.total)


def _pass(
    list_page: Callable[[int], OrderPage],
    take: Callable[[list[str]], None],
    seen: set[str],
    largest: int | None,
) -> tuple[set[str], set[int]]:
    """The ids and the totals that one pass over the pages met."""
    ids: set[str] = set()
    totals: set[int] = set()
    for number in range(1, MOST_PAGES + 1):
        page = list_page(number)
        if largest is not None and page.total > largest:
            raise WindowTooLarge
        totals.add(page.total)
        known = len(ids)
        ids.update(page.order_ids)
        fresh = [order_id for order_id in dict.fromkeys(page.order_ids) if order_id not in seen]
        seen.update(fresh)
        if fresh:
            take(fresh)
        if not page.order_ids or (len(page.order_ids) < PAGE_SIZE and _is_all(ids, known, number, page)):
            break
    return ids, totals
