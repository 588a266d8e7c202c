"""Rows that know the word Kwai."""

from kwai_integration.models.account import (
    CHANNEL_KEY,
    ConnectionHealth,
    ConsentRequest,
    KwaiAccount,
    OAuthPause,
)
from kwai_integration.models.binding import (
    KwaiOrder,
    KwaiOrderState,
    Listing,
    PaymentMapping,
    ShippingMapping,
    StatusMapping,
)
from kwai_integration.models.inbound import SETTLED, EventState, InboundEvent, KwaiRefund, SyncCursor
from kwai_integration.models.settings import (
    HISTORY_DAYS,
    KwaiSettings,
    SetupStep,
    StepKey,
)

__all__ = [
    "CHANNEL_KEY",
    "HISTORY_DAYS",
    "SETTLED",
    "ConnectionHealth",
    "ConsentRequest",
    "EventState",
    "InboundEvent",
    "KwaiAccount",
    "KwaiOrder",
    "KwaiOrderState",
    "KwaiRefund",
    "KwaiSettings",
    "Listing",
    "OAuthPause",
    "PaymentMapping",
    "SetupStep",
    "ShippingMapping",
    "StatusMapping",
    "StepKey",
    "SyncCursor",
]
