"""The rate limits of contract section 4 for the calls of one store, kept by the outbox's gates."""

from __future__ import annotations

from django.conf import settings

from erp.outbox import limits
from erp.outbox.statuses import WaitReason
from kwai_integration.app_health import app_paused
from kwai_integration.wire.errors import AppPaused, KwaiQuotaSpent, PermissionMissing, RateLimited

PAUSE_SECONDS = 5.0
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

    def spent(self, call: str) -> None:
        """The limit counts per application and call (contract section 4): no store asks before the reset."""
        limits.quota_close(app_key=settings.KWAI_APP_KEY, call=call)

    def acquire(self, call: str) -> None:
        pause = None if self.is_probe else app_paused()
        if pause is not None:
            raise AppPaused(call=call, write=False, reason=pause.reason, retry_after=PAUSE_SECONDS)
        answer = limits.wait_turn(
            store_id=self.store_id, app_key=settings.KWAI_APP_KEY, call=call, share=self.share
        )
        if isinstance(answer, limits.Go) or (self.is_probe and answer.reason in REFUSALS):
            return
        refusal = REFUSALS.get(answer.reason, RateLimited)
        raise refusal(call=call, write=False, retry_after=answer.seconds)
