"""Finding the one that spoils a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction

logger = logging.getLogger(__name__)

Entry = TypeVar("Entry")
Result = TypeVar("Result")

# The database or this process is in trouble: no order is to blame, and the whole batch comes again.
NO_CONTENT = (OperationalError, InterfaceError, SoftTimeLimitExceeded, MemoryError)


def failing_isolate(
    entries: Sequence[Entry],
    write: Callable[[Sequence[Entry]], Result],
    poison: Callable[[Entry], Result],
) -> list[Result]:
    """`write` the batch in one transaction; when its content fails, halve it until the poison entry is
    alone and give that one to `poison`. Entries that were written are written once."""
    if not entries:
        return []
    try:
        with transaction.atomic():
            return [write(entries)]
    except NO_CONTENT:
        raise
    except Exception as error:
        # The type only: the text of a database error quotes the row, which is a buyer's data.
        logger.warning("Batch of %d failed for its content: %s", len(entries), type(error).__name__)
    if len(entries) == 1:
        return [poison(entries[0])]
    middle = len(entries) // 2
    return failing_isolate(entries[:middle], write, poison) + failing_isolate(entries[middle:], write, poison)
