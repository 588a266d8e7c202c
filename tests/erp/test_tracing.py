"""The id that follows a request, across a wake-up too."""

from __future__ import annotations

import pytest

from erp import tracing
from erp.celery import app

heard: list[str] = []


@app.task(name="tests.tracing.told")
def told() -> None:
    heard.append(tracing.current())


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "task_always_eager", True)
    heard.clear()


@pytest.mark.parametrize("given", ["a1b2c3d4", "0f8fad5b-d9cb-469f-a165-70867728950e", "x" * 64])
def test_a_usable_id_is_kept(given: str) -> None:
    with tracing.bound(given) as chosen:
        assert chosen == tracing.current() == given
    assert tracing.current() == ""


@pytest.mark.parametrize(
    "given",
    [None, "", "short", "x" * 65, "a b c d e f", 'a"b,c:d}e', "linha\nnova123", "ação12345", 12345678],
)
def test_anything_else_is_replaced(given: object) -> None:
    with tracing.bound(given) as chosen:
        assert chosen != given
        assert len(chosen) == 32


def test_blocks_nest() -> None:
    with tracing.bound("outer-id-1"):
        with tracing.bound("inner-id-1"):
            assert tracing.current() == "inner-id-1"
        assert tracing.current() == "outer-id-1"


def test_a_task_runs_under_the_id_of_who_woke_its_worker(eager: None) -> None:
    told.apply_async(headers={tracing.MESSAGE_HEADER: "browser-0001"})
    assert heard == ["browser-0001"]


def test_a_task_without_a_caller_gets_an_id_of_its_own(eager: None) -> None:
    told.apply_async()
    told.apply_async(headers={tracing.MESSAGE_HEADER: "bad id"})
    first, second = heard
    assert len(first) == len(second) == 32
    assert first != second
