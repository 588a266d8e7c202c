"""Tell workers that pushes wait."""

from __future__ import annotations

from collections.abc import Iterable

from erp.scheduling import wake_after_commit


def wake_stores(store_ids: Iterable[int], *, seconds: float = 0.0) -> None:
    """One wake-up per store once the current transaction commits, or `seconds` later: when a window ends.
    In the given order, because workers begin in the order of the messages."""
    for store_id in dict.fromkeys(store_ids):
        wake_after_commit("erp.outbox.tasks.drain", seconds=seconds, store_id=store_id)
