"""The call that runs in this thread: its limits, and how much of its time is left."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds, and bytes of the decoded body."""

    connect: float = 5.0
    read: float = 10.0
    total: float = 25.0
    max_bytes: int = 32 * 1024 * 1024


DEFAULT_LIMITS = Limits()


@dataclass
class OutgoingCall:
    """What the connections need to know of the call that uses them."""

    limits: Limits
    guarded: bool
    started: float
    sent: bool = False

    def remaining(self, at_most: float) -> float:
        """Seconds left for one blocking step; raises TimeoutError when the deadline has passed."""
        left = self.started + self.limits.total - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return min(left, at_most)


class _Running(threading.local):
    outgoing: OutgoingCall


running = _Running()
