"""What a call raises: whether something was sent, and nothing of the address but its host."""

from __future__ import annotations


class HttpError(Exception):
    """A call that brought no answer. The Portuguese text names method and host, nothing else."""


class AddressRefused(HttpError):
    """The address itself is not allowed; nothing was sent. Whoever typed the address must correct it."""


class RequestNotSent(HttpError):
    """The connection was never established, so not one byte of the request left. Repeating is safe."""


class RequestOutcomeUnknown(HttpError):
    """The request left, but no readable answer came back: the other side may or may not have acted."""


class DeadlineExceeded(RequestOutcomeUnknown):
    """The answer was silent for too long or not complete when the time was over."""


class AnswerTooLarge(RequestOutcomeUnknown):
    """The answer passed the size limit and was dropped."""


class RedirectRefused(RequestOutcomeUnknown):
    """The other side answered with a redirect, which is never followed."""


class InsideTransaction(RuntimeError):
    """A programming error: a call was tried while a database transaction was open."""
