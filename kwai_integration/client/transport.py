"""One call on the wire: common parameters, signature, envelope. Knows no store and no database.

Success is `result == 200` in a readable envelope on HTTP 200 and nothing else (contract section 1).
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from erp import http
from kwai_integration.client.signing import signature
from kwai_integration.wire import errors
from kwai_integration.wire.codes import ResultMeaning
from kwai_integration.wire.endpoints import KwaiEndpoint
from kwai_integration.wire.text import clean_text
from kwai_integration.wire.types import ClientConfig, KwaiCredentials

logger = logging.getLogger(__name__)

API_VERSION = "1.0"
MAX_DEPTH = 64
SANE_RETRY_AFTER = 86_400.0
# Longer waits could not be told from those that a wrong clock left behind.
LONGEST_RETRY_AFTER = 3_600.0
JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}

MEANING_ERRORS: Mapping[ResultMeaning, type[errors.KwaiError]] = {
    ResultMeaning.APP_INVALID: errors.AppInvalid,
    ResultMeaning.SECRET_INVALID: errors.SecretInvalid,
    ResultMeaning.CLOCK_WRONG: errors.ClockWrong,
    ResultMeaning.SIGNATURE_INVALID: errors.SignatureInvalid,
    ResultMeaning.TOKEN_INVALID: errors.TokenExpired,
    ResultMeaning.MERCHANT_INVALID: errors.MerchantInvalid,
    ResultMeaning.PERMISSION_MISSING: errors.PermissionMissing,
    ResultMeaning.CONSENT_REVOKED: errors.ConsentRevoked,
    ResultMeaning.NOT_FOUND: errors.NotFound,
    ResultMeaning.ALREADY_DONE: errors.KwaiAlreadyDone,
    ResultMeaning.REFUSED: errors.BusinessRefused,
    ResultMeaning.RATE_LIMITED: errors.RateLimited,
    ResultMeaning.QUOTA_SPENT: errors.KwaiQuotaSpent,
    ResultMeaning.PLATFORM_FAULT: errors.PlatformFault,
}


@dataclass(frozen=True)
class KwaiReply:
    """A successful envelope. `answered_at` is the platform's clock (the `Date` header, whole seconds), None
    when it told no date."""

    data: Any = field(repr=False)
    code: int
    text: str
    http_status: int
    answered_at: datetime | None = None


@dataclass(frozen=True)
class _Envelope:
    result: int
    message: str
    data: Any


def send(
    config: ClientConfig,
    endpoint: KwaiEndpoint,
    *,
    credentials: KwaiCredentials | None,
    clock: Callable[[], int],
    params: Mapping[str, str] | None = None,
    payload: Mapping[str, Any] | None = None,
) -> KwaiReply:
    """Make one call and return its data. Raises a `KwaiError`; never repeats anything.

    `clock` gives Unix milliseconds; `credentials` may be missing for OAuth only.
    """
    started = time.monotonic()
    merchant_id = credentials.merchant_id if credentials else ""
    try:
        reply = _exchange(config, endpoint, credentials, clock, params, payload)
    except errors.KwaiError as error:
        _log(endpoint, merchant_id, started, error, type(error).__name__)
        raise
    _log(endpoint, merchant_id, started, reply, "ok")
    return reply


def _log(
    endpoint: KwaiEndpoint, merchant_id: str, started: float, end: KwaiReply | errors.KwaiError, outcome: str
) -> None:
    """One line for every call: who, what, how it ended, how long; nothing of its content."""
    logger.info(
        "Kwai call",
        extra={
            "call": endpoint.name,
            "merchant": merchant_id,
            "outcome": outcome,
            "http_status": end.http_status,
            "code": end.code,
            "duration_ms": round((time.monotonic() - started) * 1000),
        },
    )


def _exchange(
    config: ClientConfig,
    endpoint: KwaiEndpoint,
    credentials: KwaiCredentials | None,
    clock: Callable[[], int],
    params: Mapping[str, str] | None,
    payload: Mapping[str, Any] | None,
) -> KwaiReply:
    query = signed_query(config, endpoint, credentials, params or {}, clock)
    body = None if payload is None else json.dumps(payload, allow_nan=False).encode()
    try:
        answer = http.call(
            endpoint.verb, f"{config.api_url}{endpoint.path}", params=query, body=body, headers=JSON_HEADERS
        )
    except http.RequestOutcomeUnknown:
        failure: errors.KwaiError = errors.KwaiOutcomeUnknown(call=endpoint.name, write=endpoint.is_write)
    except http.HttpError:
        failure = errors.ConnectionFailed(call=endpoint.name, write=endpoint.is_write)
    else:
        return _reply(config, endpoint, answer, _secrets(config, credentials, query), clock())
    raise failure


def decoded(body: bytes) -> Any:
    """JSON as the platform meant it. ValueError for anything unreadable.

    Integers stay exact at any length, a doubled key keeps its last value; NaN, infinities, invalid UTF-8 and
    nesting beyond 64 levels are unreadable.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_deeper(value, MAX_DEPTH):
        raise ValueError("nested too deeply")
    return value


def signed_query(
    config: ClientConfig,
    endpoint: KwaiEndpoint,
    credentials: KwaiCredentials | None,
    params: Mapping[str, str],
    clock: Callable[[], int],
) -> dict[str, str]:
    if not endpoint.signed:
        return dict(params)
    if credentials is None:
        raise TypeError(f"{endpoint.name} needs the credentials of a store")
    query = {
        **params,
        "appKey": config.app_key,
        "merchantId": credentials.merchant_id,
        "ts": str(clock()),
        "version": API_VERSION,
        "accessToken": credentials.access_token,
    }
    query["sign"] = signature(
        path=endpoint.path,
        params=query,
        secret=config.sign_secret,
        host=config.sign_host,
        sign_access_token=config.sign_access_token,
    )
    return query


def _secrets(
    config: ClientConfig, credentials: KwaiCredentials | None, query: Mapping[str, str]
) -> list[str]:
    hidden = [value for name, value in query.items() if name.lower() in http.SECRET_NAMES]
    return [*hidden, config.app_secret, config.sign_secret, credentials.access_token if credentials else ""]


def _reply(
    config: ClientConfig, endpoint: KwaiEndpoint, answer: http.Answer, secrets: Iterable[str], now_ms: int
) -> KwaiReply:
    try:
        envelope = _envelope(config, answer)
    except ValueError:
        failure = _unreadable(endpoint, answer)
    else:
        text = _without(secrets, envelope.message)
        if config.results.meaning(envelope.result) is ResultMeaning.OK:
            return KwaiReply(
                data=envelope.data,
                code=envelope.result,
                text=text,
                http_status=answer.status,
                answered_at=_answered_at(answer),
            )
        failure = _refusal(config, endpoint, answer, envelope, text, now_ms)
    raise failure


def _envelope(config: ClientConfig, answer: http.Answer) -> _Envelope:
    if answer.status >= 500:
        raise ValueError("a gateway answered, not the platform")
    value = decoded(answer.body)
    result = value.get("result") if isinstance(value, dict) else None
    if type(result) is not int:
        raise ValueError("no result")
    if config.results.meaning(result) is ResultMeaning.OK and answer.status != 200:
        raise ValueError("success on another HTTP status")
    message = value.get("message")
    return _Envelope(result, message if isinstance(message, str) else "", value.get("data"))


def _unreadable(endpoint: KwaiEndpoint, answer: http.Answer) -> errors.KwaiError:
    # A gateway that limits reads may not speak the envelope. For a write nothing proves that it was refused
    # before it was applied, so its outcome stays unknown.
    limited = answer.status == 429 and not endpoint.is_write
    kind = errors.RateLimited if limited else errors.KwaiOutcomeUnknown
    return kind(
        call=endpoint.name,
        write=endpoint.is_write,
        http_status=answer.status,
        retry_after=_seconds(answer.headers.get("retry-after")),
    )


def _refusal(
    config: ClientConfig,
    endpoint: KwaiEndpoint,
    answer: http.Answer,
    envelope: _Envelope,
    text: str,
    now_ms: int,
) -> errors.KwaiError:
    stated = envelope.data.get(config.names.refusal.retry_after) if isinstance(envelope.data, dict) else None
    kind = _error_class(config, envelope.result)
    details: dict[str, Any] = {
        "call": endpoint.name,
        "write": endpoint.is_write,
        "code": envelope.result,
        "text": text,
        "http_status": answer.status,
        "retry_after": _seconds(stated if stated is not None else answer.headers.get("retry-after")),
    }
    if issubclass(kind, errors.ClockWrong):
        answered_at = _answered_at(answer)
        details["ahead"] = answered_at and now_ms / 1000 - answered_at.timestamp()
    return kind(**details)


def _error_class(config: ClientConfig, result: int) -> type[errors.KwaiError]:
    meaning = config.results.meaning(result)
    if meaning:
        return MEANING_ERRORS[meaning]
    return errors.KwaiAccessUnclear if config.results.is_unnamed_access(result) else errors.UnknownResult


def _answered_at(answer: http.Answer) -> datetime | None:
    """When the platform answered, by its own clock; None without a readable `Date`."""
    try:
        reported = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return reported.replace(tzinfo=UTC) if reported.tzinfo is None else reported


def _seconds(value: object) -> float | None:
    """A stated wait in seconds, an hour at most, or None when it is no sane number (an HTTP date counts as
    none)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_RETRY_AFTER) if 0 <= seconds <= SANE_RETRY_AFTER else None


def _without(secrets: Iterable[str], message: str) -> str:
    for secret in filter(None, secrets):
        message = message.replace(secret, http.HIDDEN)
    return clean_text(message, errors.TEXT_LIMIT)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
