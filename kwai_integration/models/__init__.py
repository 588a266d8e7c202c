"""Rows that know the word Kwai."""

from kwai_integration.models.account import CHANNEL_KEY, ConnectionHealth, ConsentRequest, KwaiAccount
from kwai_integration.models.binding import KwaiOrder, KwaiOrderState, Listing, StatusMapping
from kwai_integration.models.inbound import SyncCursor
from kwai_integration.models.settings import KwaiSettings

__all__ = [
    "CHANNEL_KEY",
    "ConnectionHealth",
    "ConsentRequest",
    "KwaiAccount",
    "KwaiOrder",
    "KwaiOrderState",
    "KwaiSettings",
    "Listing",
    "StatusMapping",
    "SyncCursor",
]
