"""What stops every store at once, and how it goes on by itself (contract 3.3).

The platform refuses the application (key, version, signature, clock): the whole channel pauses, and one
probe a minute asks for all (`app_probe`). It refuses the application's secret, which travels in OAuth calls
only: nobody connects or renews, and the next of them, after growing delays, asks for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from erp import clock
from erp.outbox import limits
from erp.outbox.models import ChannelPause
from erp.outbox.queues import channel_pause
from erp.outbox.selectors import channel_paused
from erp.outbox.statuses import WaitReason
from kwai_integration.models import OAuthPause
from kwai_integration.models.account import CHANNEL_KEY
from kwai_integration.wire import errors

OAUTH_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
# When an OAuth call is made again that met a limit, or the day's quota, and was told no instant.
LIMIT_REST = timedelta(seconds=30)
QUOTA_REST = timedelta(hours=1)


def app_pause(error: errors.KwaiError) -> None:
    """Stop everything: the platform refuses the application, whichever store asks."""
    channel_pause(channel=CHANNEL_KEY, reason=error.sentence())


def app_paused() -> ChannelPause | None:
    """The pause of everything; None while the platform accepts the application."""
    return channel_paused(CHANNEL_KEY)


def oauth_paused() -> OAuthPause | None:
    """The pause of consents and renewals that holds for the present secret."""
    return _rows().first()


def pauses() -> list[tuple[bool, str, datetime]]:
    """What stops every store at present, in one query: is it everything (else connecting and renewing), what
    Kwai said, and since when."""
    everything = ChannelPause.objects.filter(channel=CHANNEL_KEY).values_list(Value(True), "reason", "since")
    return list(everything.union(_rows().values_list(Value(False), "reason", "since")))


def oauth_is_due() -> bool:
    """May the next consent or renewal try the secret again?"""
    return _rows().filter(_is_due()).exists()


@contextmanager
def oauth_call(call: str) -> Iterator[None]:
    """Around every OAuth call: one that would only repeat a refused secret raises OAuthPaused instead, one
    within a wait that any store was told RateLimited, and every answer teaches all of them."""
    if seconds := limits.app_held_seconds(app_key=settings.KWAI_APP_KEY, call=call):
        raise errors.RateLimited(call=call, write=True, retry_after=seconds)
    _turn_take()
    try:
        yield
    except errors.SecretInvalid as error:
        _refused(error)
        raise
    except (errors.RateLimited, errors.KwaiQuotaSpent) as error:
        is_quota = isinstance(error, errors.KwaiQuotaSpent)
        reason = WaitReason.QUOTA if is_quota else WaitReason.LIMIT
        seconds = error.retry_after or (QUOTA_REST if is_quota else LIMIT_REST).total_seconds()
        limits.app_hold(app_key=settings.KWAI_APP_KEY, call=call, seconds=seconds, reason=reason)
        raise
    except errors.KwaiError as error:
        if errors.is_answered(error):
            OAuthPause.objects.all().delete()
        raise
    OAuthPause.objects.all().delete()


def _turn_take() -> None:
    pause = _rows().annotate(now=Now()).first()
    if pause is None or _rows().filter(_is_due()).update(retry_at=clock.after(_delay(pause.failures))):
        return
    now: datetime = pause.now
    seconds = max((pause.retry_at - now).total_seconds(), 1.0)
    raise errors.OAuthPaused(call="oauth_token", write=True, reason=pause.reason, retry_after=seconds)


def _refused(error: errors.SecretInvalid) -> None:
    known = _rows().first()
    failures = known.failures + 1 if known else 1
    OAuthPause.objects.update_or_create(
        app_key=settings.KWAI_APP_KEY,
        defaults={
            "secret_digest": _digest(),
            "reason": error.sentence(),
            "failures": min(failures, len(OAUTH_DELAYS)),
            "retry_at": clock.after(_delay(failures)),
        },
    )


def _delay(failures: int) -> timedelta:
    return OAUTH_DELAYS[min(failures, len(OAUTH_DELAYS)) - 1]


def _is_due() -> Q:
    return clock.reached("retry_at", OAUTH_DELAYS[-1])


def _rows() -> QuerySet[OAuthPause]:
    return OAuthPause.objects.filter(app_key=settings.KWAI_APP_KEY, secret_digest=_digest())


def _digest() -> str:
    """Tells one secret from another and nothing else of it: a corrected one is tried at once."""
    return salted_hmac("kwai.oauth_pause", settings.KWAI_APP_SECRET, algorithm="sha256").hexdigest()
