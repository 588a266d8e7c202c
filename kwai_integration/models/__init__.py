"""Rows that know the word Kwai."""

from kwai_integration.models.account import (
    CHANNEL_KEY,
    ConnectionHealth,
    ConnectionWarning,
    ConsentRequest,
    KwaiAccount,
    OAuthPause,
    WarningKind,
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
    StoreNotice,
)

__all__ = [
    "CHANNEL_KEY",
    "HISTORY_DAYS",
    "SETTLED",
    "ConnectionHealth",
    "ConnectionWarning",
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
    "StoreNotice",
    "SyncCursor",
    "WarningKind",
]
