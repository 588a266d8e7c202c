"""Rows that know the word Kwai."""

from kwai_integration.models.account import (
    CHANNEL_KEY,
    ConnectionHealth,
    ConsentRequest,
    KwaiAccount,
    OAuthPause,
)
from kwai_integration.models.answer import AnswerMove, KwaiOrderAnswer, ReprocessRequest
from kwai_integration.models.binding import (
    FETCH_NEEDED,
    FORMER_FIELDS,
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
    "FETCH_NEEDED",
    "FORMER_FIELDS",
    "HISTORY_DAYS",
    "SETTLED",
    "AnswerMove",
    "ConnectionHealth",
    "ConsentRequest",
    "EventState",
    "InboundEvent",
    "KwaiAccount",
    "KwaiOrder",
    "KwaiOrderAnswer",
    "KwaiOrderState",
    "KwaiRefund",
    "KwaiSettings",
    "Listing",
    "OAuthPause",
    "PaymentMapping",
    "ReprocessRequest",
    "SetupStep",
    "ShippingMapping",
    "StatusMapping",
    "StepKey",
    "SyncCursor",
]
