"""Kwai's errors in the words of the outbox, one row per row of the policy table (design 3.2)."""

from __future__ import annotations

from typing import Any

from erp.outbox import errors as push
from kwai_integration.client import errors as kwai
from kwai_integration.connection import NotConnected


def push_error(  # noqa: C901 - one case per row of the policy table
    error: kwai.KwaiError | NotConnected,
) -> push.PushError:
    """What the outbox must know of `error`; its text never holds a secret or personal data."""
    if isinstance(error, NotConnected):
        return push.CredentialRevoked(str(error))
    details: dict[str, Any] = {
        "remote_code": "" if error.code is None else str(error.code),
        "http_status": error.http_status,
        "call": error.call,
    }
    match error:
        case kwai.ConnectionFailed():
            return push.PushNotSent(str(error), **details)
        case kwai.KwaiOutcomeUnknown() | kwai.PlatformFault():
            return push.PushOutcomeUnknown(str(error), write=error.write, **details)
        case kwai.AppPaused():
            return push.QueueWait(str(error), seconds=error.retry_after or 2.0, **details)
        case kwai.RateLimited(call="oauth_refresh"):
            text = str(error) if isinstance(error, kwai.RefreshOnHold) else ""
            return push.QueueWait(text, seconds=error.retry_after or 2.0, **details)
        case kwai.RateLimited():
            return push.Throttled(str(error), retry_after=error.retry_after or 1.0, **details)
        case kwai.KwaiQuotaSpent():
            return push.PushQuotaSpent(str(error), **details)
        case kwai.TokenExpired():
            # The client has renewed the pair and repeated the call before it gives up with this.
            return push.CredentialExpired(str(error), **details)
        case kwai.ConsentEnded():
            return push.CredentialRevoked(str(error), **details)
        case kwai.PermissionMissing():
            return push.CallDenied(str(error), retry_after=error.retry_after, **details)
        case kwai.AppRefused() | kwai.SecretInvalid():
            # The same words as `app_health.app_pause`: whichever comes first is what the notice says.
            return push.ChannelRefused(error.sentence(), **details)
        case kwai.KwaiAccessUnclear():
            return push.PushAccessUnclear(str(error), write=error.write, **details)
        case kwai.NotFound():
            return push.NotFoundOnWrite(**details) if error.write else push.PushRefused(str(error), **details)
        case kwai.KwaiAlreadyDone():
            return push.PushAlreadyDone(str(error), **details)
        case kwai.BusinessRefused():
            return push.PushRefused(error.text or str(error), **details)
        case _:
            code = "" if error.code is None else str(error.code)
            return push.UnknownAnswer(code, str(error), write=error.write, http_status=error.http_status)
