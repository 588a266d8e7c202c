"""No order is missed while orders move between the pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kwai_integration.inbound.window import WindowRestless, WindowTooLarge, window_read
from kwai_integration.wire.types import OrderPage

SIZE = 50


class MovingList:
    """The platform's list: ids in update-time order; `moves` happen between the calls."""

    def __init__(self, ids: list[str], moves: dict[int, Callable[[list[str]], object]]) -> None:
        self.ids = ids
        self.moves = moves
        self.calls = 0

    def page(self, number: int) -> OrderPage:
        self.calls += 1
        self.moves.get(self.calls, lambda ids: None)(self.ids)
        return OrderPage(len(self.ids), tuple(self.ids[(number - 1) * SIZE : number * SIZE]))


def read(ids: int, **moves: Callable[[list[str]], object]) -> tuple[list[str], MovingList]:
    source = MovingList([f"{n}" for n in range(ids)], {int(key[4:]): move for key, move in moves.items()})
    taken: list[str] = []
    window_read(source.page, taken.extend, largest=None)
    return taken, source


@pytest.mark.parametrize(("ids", "calls"), [(0, 1), (1, 1), (49, 1), (50, 2), (51, 2), (120, 3)])
def test_a_still_list_is_read_once(ids: int, calls: int) -> None:
    taken, source = read(ids)
    assert taken == [f"{n}" for n in range(ids)]
    assert source.calls == calls


def test_an_order_that_leaves_behind_the_reader_skips_none() -> None:
    """Order 0 changes after page 1 was read: order 50 slips onto page 1 and page 2 begins with 51. The ids
    seen are as many as the last total, and yet one is missing: only the totals that differ tell."""
    taken, source = read(100, call2=lambda ids: ids.pop(0))
    assert sorted(taken, key=int) == [f"{n}" for n in range(100)]
    assert source.calls > 3


def test_many_leave_at_once() -> None:
    taken, _ = read(170, call2=lambda ids: ids.__delitem__(slice(0, 60)), call3=lambda ids: ids.pop(0))
    assert set(taken) >= {f"{n}" for n in range(61, 170)}
    assert len(taken) == len(set(taken))


def test_a_doubled_page_is_taken_once() -> None:
    pages = iter(
        [
            OrderPage(60, tuple(f"{n}" for n in range(50))),
            OrderPage(60, tuple(f"{n}" for n in range(50))),
            OrderPage(60, tuple(f"{n}" for n in range(50))),
            OrderPage(60, tuple(f"{n}" for n in range(50, 60))),
        ]
    )
    taken: list[str] = []

    def page(number: int) -> OrderPage:
        return next(pages, OrderPage(60, ()))

    result = window_read(page, taken.extend, largest=None)
    assert taken == [f"{n}" for n in range(60)]
    assert result.seen == 60


def test_a_total_nobody_can_reach_ends_after_a_pass_without_news() -> None:
    taken: list[str] = []
    answers = {1: OrderPage(9, ("1", "2"))}
    result = window_read(lambda number: answers.get(number, OrderPage(9, ())), taken.extend, largest=None)
    assert (taken, result.seen, result.announced) == (["1", "2"], 2, 9)


def test_a_list_that_never_rests_is_an_error() -> None:
    count = iter(range(10_000))
    with pytest.raises(WindowRestless):
        window_read(
            lambda number: OrderPage(7, (str(next(count)),) if number == 1 else ()),
            lambda ids: None,
            largest=None,
        )


def test_shorter_pages_than_asked_for_are_read_to_their_end() -> None:
    ids = [str(number) for number in range(51)]
    taken: list[str] = []
    result = window_read(
        lambda number: OrderPage(51, tuple(ids[(number - 1) * 20 : number * 20])), taken.extend, largest=None
    )
    assert (taken, result.seen) == (ids, 51)


def test_a_list_that_repeats_its_last_page_ends() -> None:
    asked: list[int] = []

    def list_page(number: int) -> OrderPage:
        asked.append(number)
        return OrderPage(9, ("1", "2"))

    assert window_read(list_page, lambda ids: None, largest=None).seen == 2
    assert len(asked) == 4


def test_too_large_a_window_is_refused_before_anything_is_taken() -> None:
    with pytest.raises(WindowTooLarge):
        window_read(lambda number: OrderPage(101, ("1",)), pytest.fail, largest=100)
