"""Tell a worker that pushes of a store wait. The task is imported late because its module draws in the
whole engine, which in turn serves the writers that ring."""

from __future__ import annotations

from collections.abc import Iterable

from erp import scheduling


def ring_stores(store_ids: Iterable[int], *, seconds: float = 0.0) -> None:
    """One doorbell per store once the current transaction commits, or `seconds` later: when a window ends."""
    from erp.outbox.tasks import drain

    for store_id in sorted(store_ids):
        if seconds > 0:
            scheduling.ring_later(drain, seconds=seconds, store_id=store_id)
        else:
            scheduling.ring(drain, store_id=store_id)
