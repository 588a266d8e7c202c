"""Switches of the emulator that a person or a test may turn (`/_sandbox/settings`).

It is strict by default: the contract's limits hold, notes are read and compared, a refresh token that was
replaced ends the consent when it comes again.
"""

from __future__ import annotations

from typing import Any

from kwai_sandbox.clock import DAY, MINUTE, SECOND
from kwai_sandbox.state import State
from kwai_sandbox.statuses import Status

DEFAULTS: dict[str, Any] = {
    "detailShape": "wrapped",
    "idsAs": "number",
    "maskUntilPayment": True,
    "timestampSkewMs": 5 * MINUTE,
    "maxWindowMs": 31 * DAY,
    "codeSeconds": 120,
    "accessTokenSeconds": 604_800,
    "refreshTokenSeconds": 31_536_000,
    "refreshAnswersMerchantId": "",
    "invoiceReview": "accept",
    "invoiceReviewMs": 5 * SECOND,
    "invoiceRefusalReason": "O destinatário não confere com o comprador.",
    "shipLeadsTo": int(Status.SHIPPED),
    "invoiceChecks": "strict",
    "reusedRefreshEndsConsent": True,
    "perStoreRate": 20,
    "perAppRate": 100,
    "dailyQuota": 1_000_000,
}
# The limits of contract section 4, calls per second and per day; 0 limits nothing.
LIMITS = ("perAppRate", "perStoreRate", "dailyQuota")
# accept, soon: taken at once or after `invoiceReviewMs`; wait: a person decides; refuse: 422 at once and
# nothing is kept; refuse_later: received, then refused with the reason.
INVOICE_REVIEWS = ("accept", "soon", "wait", "refuse", "refuse_later")
CHOICES: dict[str, tuple[str | int, ...]] = {
    "detailShape": ("wrapped", "list"),
    "idsAs": ("number", "text"),
    "invoiceReview": INVOICE_REVIEWS,
    "invoiceChecks": ("strict", "loose"),
    "shipLeadsTo": (Status.SHIPPED, Status.AWAITING_PICKUP),
}
KEY = "settings"


def settings_read(state: State) -> dict[str, Any]:
    """Every switch with its present value: as it was turned, else as the dialect has it, else the default."""
    changed: dict[str, Any] = state.meta(KEY, {})
    return DEFAULTS | state.usual_settings | changed


def settings_change(state: State, changes: dict[str, Any]) -> dict[str, Any]:
    """Turn some switches; raises `ValueError` for an unknown name or a value that does not fit."""
    for name, value in changes.items():
        setting_check(name, value)
    with state.transaction():
        state.meta_set(KEY, state.meta(KEY, {}) | changes)
    return settings_read(state)


def setting_check(name: str, value: Any) -> None:
    """Raise `ValueError` for an unknown switch or a value that does not fit."""
    if name not in DEFAULTS or type(value) is not type(DEFAULTS[name]):
        raise ValueError(f"{name}: ajuste desconhecido ou de tipo errado")
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"{name}: use {' ou '.join(map(str, CHOICES[name]))}")
