"""The rate limits of contract section 4 for the calls of one store, kept by the outbox's gates."""

from __future__ import annotations

from django.conf import settings

from erp.outbox import limits
from erp.outbox.statuses import WaitReason
from kwai_integration.app_health import app_paused
from kwai_integration.models.account import CHANNEL_KEY
from kwai_integration.wire.errors import AppPaused, KwaiError, KwaiQuotaSpent, PermissionMissing, RateLimited

PAUSE_SECONDS = 5.0
# What a 429 without `retryAfter` means.
UNTOLD_SECONDS = 1.0
REFUSALS = {WaitReason.QUOTA: KwaiQuotaSpent, WaitReason.GRANT: PermissionMissing}


def call_limits(app_key: str, call: str) -> limits.CallLimits | None:
    """The provider registered with the outbox: every call of our app has the same limits (settings)."""
    if app_key != settings.KWAI_APP_KEY:
        return None
    return limits.CallLimits(
        store_rate=settings.KWAI_STORE_RATE,
        app_rate=settings.KWAI_APP_RATE,
        daily_calls=settings.KWAI_DAILY_CALLS,
    )


class StoreLimiter:
    """The limiter protocol of `KwaiClient`: waits up to a second, then refuses with the time to return.

    The door that every call passes: while the platform refuses the application only `is_probe` goes through.
    The probe asks whatever we remember of a spent quota or a missing grant, or it could wait for a day.
    """

    def __init__(self, store_id: int, *, share: str, is_probe: bool = False) -> None:
        self.store_id = store_id
        self.share = limits.Share(share)
        self.is_probe = is_probe

    def learn(self, call: str, error: KwaiError) -> None:
        """In the moment of the answer, for reads and writes alike. A wait is the store's, a spent quota the
        application's (contract section 4): no store asks before the reset."""
        if isinstance(error, KwaiQuotaSpent):
            limits.quota_close(app_key=settings.KWAI_APP_KEY, call=call)
        elif isinstance(error, RateLimited):
            seconds = error.retry_after or UNTOLD_SECONDS
            limits.hold_told(
                store_id=self.store_id, app_key=settings.KWAI_APP_KEY, call=call, seconds=seconds
            )

    def acquire(self, call: str) -> None:
        channel = "" if self.is_probe else CHANNEL_KEY

        def ask() -> limits.Go | limits.When:
            answer = limits.acquire(
                store_id=self.store_id,
                app_key=settings.KWAI_APP_KEY,
                call=call,
                share=self.share,
                channel=channel,
            )
            if channel and isinstance(answer, limits.When):
                self._pause_check(call)
            return answer

        answer = limits.wait_turn(call, ask)
        if isinstance(answer, limits.Go) or (self.is_probe and answer.reason in REFUSALS):
            return
        refusal = REFUSALS.get(answer.reason, RateLimited)
        raise refusal(call=call, write=False, retry_after=answer.seconds, resume_at=answer.at)

    def _pause_check(self, call: str) -> None:
        if (pause := app_paused()) is not None:
            raise AppPaused(call=call, write=False, reason=pause.reason, retry_after=PAUSE_SECONDS)
