"""The clock of the recurring tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.beat import PersistentScheduler, SchedulingError

from erp.runtime.storage import trouble_seen

# Longer than a clock steps back in ordinary corrections.
STEP = timedelta(minutes=1)


class Scheduler(PersistentScheduler):
    """Celery's own, but a clock that was ahead does not stop it.

    Celery notes when each task ran last and sleeps until its next turn: after a clock that was a day ahead it
    would start nothing for a day, in this process and, from its file, in the next.
    """

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        """A disk that takes no message is one line a minute, not a traceback for each task."""
        try:
            return super().apply_async(*args, **kwargs)
        except SchedulingError as error:
            if trouble_seen(error.__context__) is None:
                raise
            return None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at and entry.last_run_at > now + STEP:
                entry.last_run_at = now
                # Made anew from what the entries say.
                self._heap = None
        return float(super().tick(*args, **kwargs))
