"""Merchants, consent, tokens (contract section 2)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from kwai_sandbox.clock import SECOND, now_ms
from kwai_sandbox.settings import settings_read
from kwai_sandbox.signing import AppCredentials
from kwai_sandbox.state import State
from kwai_sandbox.wire import (
    APP_INVALID,
    CONSENT_REVOKED,
    MERCHANT_INVALID,
    OK,
    REFRESH_INVALID,
    REFUSED,
    SCOPE_MISSING,
    SECRET_INVALID,
    TOKEN_INVALID,
    CallRefusal,
    Envelope,
)

if TYPE_CHECKING:
    from kwai_sandbox.sandbox import Sandbox

SCOPES = ("user_info", "merchant_item", "merchant_order")


def merchants_list(state: State) -> list[dict[str, str]]:
    """Every seller account."""
    rows = state.rows("SELECT * FROM merchants ORDER BY length(merchant_id), merchant_id")
    return [{"merchantId": row["merchant_id"], "shopName": row["shop_name"]} for row in rows]


def merchant_put(state: State, *, merchant_id: str, shop_name: str) -> None:
    """Create a seller account or rename it."""
    state.run("INSERT OR REPLACE INTO merchants VALUES (?, ?)", merchant_id, shop_name)


def merchant_name(state: State, merchant_id: str) -> str | None:
    """The shop's name, None for an unknown account."""
    row = state.row("SELECT shop_name FROM merchants WHERE merchant_id = ?", merchant_id)
    return None if row is None else str(row["shop_name"])


def scopes_parse(text: str) -> list[str]:
    """The known scopes of a comma list; raises `ValueError` for an unknown one or none."""
    scopes = [scope.strip() for scope in text.split(",") if scope.strip()]
    if not scopes or any(scope not in SCOPES for scope in scopes):
        raise ValueError(f"scope: use {', '.join(SCOPES)}")
    return scopes


def code_issue(state: State, *, merchant_id: str, scopes: list[str]) -> str:
    """The single-use code of a finished consent."""
    code = secrets.token_urlsafe(24)
    expires_at = now_ms() + settings_read(state)["codeSeconds"] * SECOND
    state.run("INSERT INTO codes VALUES (?, ?, ?, ?)", code, merchant_id, ",".join(scopes), expires_at)
    return code


def token_exchange(sandbox: Sandbox, query: dict[str, str]) -> Envelope:
    """GET oauth2/token: a code becomes a pair; the merchant's earlier pair dies."""
    _app_check(sandbox.credentials, query, "authorization_code")
    state = sandbox.state
    with state.transaction():
        row = state.row("SELECT * FROM codes WHERE code = ?", query.get("code", ""))
        state.run("DELETE FROM codes WHERE code = ?", query.get("code", ""))
        if row is not None and row["expires_at"] > now_ms():
            state.run("DELETE FROM retired_tokens WHERE merchant_id = ?", row["merchant_id"])
            return Envelope(OK, "success", _pair_issue(state, row["merchant_id"], row["scopes"]))
    raise CallRefusal(REFRESH_INVALID, "O código de autorização não existe, já foi usado ou venceu.")


def token_refresh(sandbox: Sandbox, query: dict[str, str]) -> Envelope:
    """GET oauth2/refreshToken: a new pair; both old tokens die.

    A refresh token that a refresh replaced ends the whole consent when it comes again.
    """
    _app_check(sandbox.credentials, query, "refresh_token")
    state, token = sandbox.state, query.get("refresh_token", "")
    if _retired_reused(sandbox, token):
        raise CallRefusal(
            CONSENT_REVOKED, "O refresh token já tinha sido trocado: a autorização foi encerrada."
        )
    with state.transaction():
        row = state.row("SELECT * FROM grants WHERE refresh_token = ?", token)
        if row is not None and row["revoked"]:
            raise CallRefusal(CONSENT_REVOKED, "O vendedor revogou a autorização.")
        if row is None or row["refresh_expires_at"] <= now_ms():
            raise CallRefusal(REFRESH_INVALID, "O refresh token não existe, já foi usado ou venceu.")
        answer = _pair_issue(state, row["merchant_id"], row["scopes"])
        state.run("INSERT INTO retired_tokens VALUES (?, ?)", token, row["merchant_id"])
    odd_merchant = settings_read(state)["refreshAnswersMerchantId"]
    return Envelope(OK, "success", answer | ({"merchantId": odd_merchant} if odd_merchant else {}))


def _retired_reused(sandbox: Sandbox, token: str) -> bool:
    """Whether this is a replaced refresh token; then the consent that replaced it has ended."""
    row = sandbox.state.row("SELECT merchant_id FROM retired_tokens WHERE refresh_token = ?", token)
    if row is None or not sandbox.settings["reusedRefreshEndsConsent"]:
        return False
    consent_end(sandbox, row["merchant_id"])
    return True


def consent_end(sandbox: Sandbox, merchant_id: str) -> bool:
    """Revoke a consent and tell the app; False when there was nothing to revoke."""
    with sandbox.state.transaction():
        ended = grant_revoke(sandbox.state, merchant_id)
        if ended:
            info = {"merchantId": merchant_id}
            sandbox.pushes.emit("authorization_revoked", merchant_id, merchant_id, info)
    return ended


def _app_check(credentials: AppCredentials, query: dict[str, str], grant_type: str) -> None:
    if query.get("appKey") != credentials.app_key:
        raise CallRefusal(APP_INVALID, "O appKey não é conhecido.")
    if not secrets.compare_digest(query.get("appSecret", "").encode(), credentials.app_secret.encode()):
        raise CallRefusal(SECRET_INVALID, "O appSecret está errado.")
    if query.get("grant_type") != grant_type:
        raise CallRefusal(REFUSED, f"grant_type deve ser {grant_type}.")


def _pair_issue(state: State, merchant_id: str, scopes: str) -> dict[str, Any]:
    switches = settings_read(state)
    access, refresh = f"AT_{secrets.token_urlsafe(24)}", f"RT_{secrets.token_urlsafe(24)}"
    lives = (switches["accessTokenSeconds"], switches["refreshTokenSeconds"])
    ends = [now_ms() + seconds * SECOND for seconds in lives]
    state.run(
        "INSERT OR REPLACE INTO grants VALUES (?, ?, ?, ?, ?, ?, 0)",
        merchant_id,
        scopes,
        access,
        refresh,
        *ends,
    )
    return {
        "merchantId": merchant_id,
        "shopName": merchant_name(state, merchant_id) or "",
        "accessToken": access,
        "refreshToken": refresh,
        "expiresIn": lives[0],
        "refreshTokenExpiresIn": lives[1],
        "scopes": scopes,
    }


def token_check(state: State, *, access_token: str, merchant_id: str, scope: str) -> None:
    """Whether the token opens this call; raises `CallRefusal` 402 or 444 to 446."""
    row = state.row("SELECT * FROM grants WHERE access_token = ?", access_token)
    if row is not None and row["revoked"]:
        raise CallRefusal(CONSENT_REVOKED, "O vendedor revogou a autorização.")
    if row is None or row["access_expires_at"] <= now_ms():
        raise CallRefusal(TOKEN_INVALID, "O accessToken não existe ou venceu.")
    if row["merchant_id"] != merchant_id:
        raise CallRefusal(MERCHANT_INVALID, "O merchantId não existe ou não é o do accessToken.")
    if scope not in row["scopes"].split(","):
        raise CallRefusal(SCOPE_MISSING, f"A autorização não inclui {scope}.")


def grants_list(state: State) -> list[dict[str, Any]]:
    """Present consents without their tokens; times in milliseconds."""
    return [
        {
            "merchantId": row["merchant_id"],
            "scopes": row["scopes"],
            "accessExpiresAt": row["access_expires_at"],
            "refreshExpiresAt": row["refresh_expires_at"],
            "revoked": bool(row["revoked"]),
        }
        for row in state.rows("SELECT * FROM grants ORDER BY merchant_id")
    ]


def grant_revoke(state: State, merchant_id: str) -> bool:
    """End a consent; False when there is none."""
    with state.transaction():
        found = state.row("SELECT 1 FROM grants WHERE merchant_id = ? AND revoked = 0", merchant_id)
        state.run("UPDATE grants SET revoked = 1 WHERE merchant_id = ?", merchant_id)
    return found is not None


def grant_expire(state: State, merchant_id: str, *, refresh_too: bool) -> bool:
    """Let the access token (and the refresh token) end now; False when there is no consent."""
    with state.transaction():
        state.run("UPDATE grants SET access_expires_at = 0 WHERE merchant_id = ?", merchant_id)
        if refresh_too:
            state.run("UPDATE grants SET refresh_expires_at = 0 WHERE merchant_id = ?", merchant_id)
        return state.row("SELECT 1 FROM grants WHERE merchant_id = ?", merchant_id) is not None
