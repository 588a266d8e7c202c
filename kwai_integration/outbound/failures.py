"""Kwai's errors in the words of the outbox, one row per row of the policy table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from erp.outbox import errors as push
from kwai_integration.connection import NotConnected
from kwai_integration.wire import errors as kwai

Details = dict[str, Any]


def push_error(error: kwai.KwaiError | NotConnected) -> push.PushError:
    """What the outbox must know of `error`; its text never holds a secret or personal data."""
    if isinstance(error, NotConnected):
        return push.CredentialRevoked(str(error))
    details: Details = {
        "remote_code": "" if error.code is None else str(error.code),
        "http_status": error.http_status,
        "call": error.call,
    }
    for kind, made in _ROWS:
        if isinstance(error, kind):
            return made(error, details)
    code = details["remote_code"]
    return push.UnknownAnswer(code, str(error), write=error.write, http_status=error.http_status)


def _limited(error: Any, details: Details) -> push.PushError:
    if error.call != "oauth_refresh":
        seconds = 0.0 if error.resume_at else error.retry_after or 1.0
        return push.Throttled(str(error), retry_after=seconds, resume_at=error.resume_at, **details)
    text = str(error) if isinstance(error, kwai.RefreshOnHold) else ""
    return push.QueueWait(text, seconds=error.retry_after or 2.0, **details)


def _not_found(error: Any, details: Details) -> push.PushError:
    return push.NotFoundOnWrite(**details) if error.write else push.PushRefused(str(error), **details)


# In this order: the first row that fits decides.
_ROWS: tuple[tuple[type[kwai.KwaiError], Callable[[Any, Details], push.PushError]], ...] = (
    (kwai.ConnectionFailed, lambda e, d: push.PushNotSent(str(e), write=e.write, **d)),
    (kwai.KwaiOutcomeUnknown, lambda e, d: push.PushOutcomeUnknown(str(e), write=e.write, **d)),
    (kwai.PlatformFault, lambda e, d: push.PushOutcomeUnknown(str(e), write=e.write, **d)),
    (kwai.AppPaused, lambda e, d: push.QueueWait(str(e), seconds=e.retry_after or 2.0, **d)),
    (kwai.RateLimited, _limited),
    (kwai.KwaiQuotaSpent, lambda e, d: push.PushQuotaSpent(str(e), resume_at=e.resume_at, **d)),
    # The client has renewed the pair and repeated the call before it gives up with this.
    (kwai.TokenExpired, lambda e, d: push.CredentialExpired(str(e), write=e.write, **d)),
    (kwai.ConsentEnded, lambda e, d: push.CredentialRevoked(str(e), **d)),
    (kwai.PermissionMissing, lambda e, d: push.CallDenied(str(e), resume_at=e.resume_at, **d)),
    # The same words as `app_health.app_pause`: whichever comes first is what the notice says.
    (kwai.AppRefused, lambda e, d: push.ChannelRefused(e.sentence(), **d)),
    (kwai.SecretInvalid, lambda e, d: push.ChannelRefused(e.sentence(), **d)),
    (kwai.KwaiAccessUnclear, lambda e, d: push.PushAccessUnclear(str(e), write=e.write, **d)),
    (kwai.NotFound, _not_found),
    (kwai.KwaiAlreadyDone, lambda e, d: push.PushAlreadyDone(str(e), **d)),
    (kwai.BusinessRefused, lambda e, d: push.PushRefused(e.text or str(e), **d)),
)
