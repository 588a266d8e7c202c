"""The platform's clock: Unix milliseconds, UTC."""

import time

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE


def now_ms() -> int:
    """Present time in Unix milliseconds."""
    return time.time_ns() // 1_000_000
