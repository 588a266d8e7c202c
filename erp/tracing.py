"""One id that follows a request from the browser through wake-up and push to the call it causes.

It lives in a context variable, travels in the header `X-Request-ID`, in the headers of task messages and in
`PushJob.request_id`, and stands on every log line. Standard library only: the settings import it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Request-ID"
# The name under which task messages carry it.
MESSAGE_HEADER = "erp_request_id"
# What a proxy may give us: nothing that could break a log line or hide in one.
_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)

_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """The id of what is being done now, empty outside of any request or task."""
    return _current.get()


def made() -> str:
    """A fresh id."""
    return uuid.uuid4().hex


@contextmanager
def bound(request_id: object) -> Iterator[str]:
    """Within the block the current id is `request_id`, or a fresh one when that is no usable id."""
    usable = isinstance(request_id, str) and _VALID.fullmatch(request_id)
    chosen = str(request_id) if usable else made()
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)
