"""`KwaiClient`, the calls of one store, and the OAuth steps. The only client module that reads settings.

Tokens, limits and the record of attempts come in as small protocols, so that nothing here knows a database.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from django.conf import settings

from erp.http import redacted
from kwai_integration.client import transport
from kwai_integration.mapping import answers, outbound
from kwai_integration.mapping.fields import ms_from_moment, wire_id
from kwai_integration.wire.codes import Handover, LabelFormat, result_table, situation_table
from kwai_integration.wire.endpoints import SCOPES, endpoint_table
from kwai_integration.wire.errors import KwaiError, KwaiOutcomeUnknown, TokenExpired
from kwai_integration.wire.names import RefundWindowNames, WindowNames, WireNames, wire_names
from kwai_integration.wire.types import (
    Arranged,
    Cancellation,
    ClientConfig,
    DeliveryNotice,
    Exchange,
    InvoiceUpload,
    ItemPage,
    KwaiCredentials,
    OrderPage,
    PriceUpdate,
    RefundPage,
    RemoteSku,
    ShipmentNotice,
    StockUpdate,
    TokenPair,
)

PAGE_SIZE = 50
LONGEST_WINDOW = timedelta(days=31)

Value = TypeVar("Value")


class Tokens(Protocol):
    """Where a store's token pair lives."""

    def current(self) -> KwaiCredentials:
        """The pair as stored now."""

    def renew(self, stale: KwaiCredentials) -> KwaiCredentials:
        """A pair other than `stale`: refreshed here or meanwhile by another worker. Raises a `KwaiError`."""

    def judge(self, used: KwaiCredentials, error: KwaiError) -> None:
        """A call with the pair `used` failed with `error`, which may have ended the connection."""


class Limiter(Protocol):
    """Who decides whether a call may be made now."""

    def acquire(self, call: str) -> None:
        """Return at once when the call may go; otherwise wait or raise `RateLimited` or `KwaiQuotaSpent`."""

    def learn(self, call: str, error: KwaiError) -> None:
        """The platform answered `call` with `error`: what it says about limits holds for every caller."""


class Recorder(Protocol):
    """Who keeps what was tried."""

    def record(self, exchange: Exchange) -> None:
        """Called once after each attempt that was made, successful or not."""


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def client_config() -> ClientConfig:
    """The application's side of the connection, from `erp/settings/kwai.py`; they were checked
    at start-up."""
    return ClientConfig(
        api_url=settings.KWAI_API_URL.rstrip("/"),
        consent_url=settings.KWAI_CONSENT_URL,
        app_key=settings.KWAI_APP_KEY,
        app_secret=settings.KWAI_APP_SECRET,
        sign_secret=settings.KWAI_SIGN_SECRET,
        sign_host=settings.KWAI_SIGN_HOST,
        sign_access_token=settings.KWAI_SIGN_ACCESS_TOKEN,
        endpoints=endpoint_table(settings.KWAI_PATHS),
        situations=situation_table(settings.KWAI_STATUS_ROLES),
        results=result_table(settings.KWAI_RESULT_ROLES),
        names=wire_names(settings.KWAI_FIELDS),
    )


class KwaiClient:
    """Every call of one store. Each raises a `KwaiError`; after an expired token it is repeated once.

    Nothing else is ever repeated here: that is decided by the policy of the outbox.
    """

    def __init__(
        self,
        *,
        config: ClientConfig,
        tokens: Tokens,
        limiter: Limiter,
        recorder: Recorder | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.config = config
        self._tokens = tokens
        self._limiter = limiter
        self._recorder = recorder
        self._clock = clock
        # The platform's clock in its latest answer; None while it told none.
        self.answered_at: datetime | None = None

    @property
    def names(self) -> WireNames:
        return self.config.names

    def list_orders(
        self,
        *,
        time_from: datetime,
        time_to: datetime,
        page: int,
        size: int = PAGE_SIZE,
        time_range_field: str = "UPDATE_TIME",
    ) -> OrderPage:
        """One page, counted from 1, of the orders changed within a window of at most 31 days."""
        payload = window_payload(self.names.window, time_from, time_to, page, size, time_range_field)
        return self._read("list_orders", answers.order_page_read, payload=payload)

    def order_details(self, order_ids: Sequence[str]) -> tuple[dict[str, Any], ...]:
        """The raw orders the platform answered with, in its order; an id it left out is simply missing."""
        if not 1 <= len(order_ids) <= PAGE_SIZE:
            raise ValueError(f"1 to {PAGE_SIZE} ids at a time")
        payload = {self.names.details.order_ids: [wire_id(order_id) for order_id in order_ids]}
        return self._read("order_details", answers.order_details_read, payload=payload)

    def list_refunds(
        self, *, time_from: datetime, time_to: datetime, page: int, size: int = PAGE_SIZE
    ) -> RefundPage:
        """One page, counted from 1, of the refunds changed within a window of at most 31 days (contract
        section 4, assumed)."""
        payload = window_payload(self.names.refund_window, time_from, time_to, page, size)
        return self._read("list_refunds", answers.refund_page_read, payload=payload)

    def list_items(self, *, page: int, size: int = PAGE_SIZE) -> ItemPage:
        """One page, counted from 1, of the store's listings."""
        names = self.names.item_page
        payload = {names.page: page, names.size: size, names.sort: 0}
        return self._read("list_items", answers.item_page_read, payload=payload)

    def sku_list(self, item_id: str) -> tuple[RemoteSku, ...]:
        """The SKUs of one listing."""
        return self._read("sku_list", answers.sku_list_read, params={self.names.sku_list.item_id: item_id})

    def read_raw(
        self, name: str, *, params: Mapping[str, str] | None = None, payload: Mapping[str, Any] | None = None
    ) -> transport.KwaiReply:
        """The answer of a reading call as it came. ValueError for a call that writes."""
        if self.config.endpoints[name].is_write:
            raise ValueError(f"{name} writes")
        return self._call(name, params=params, payload=payload)

    def upload_invoice(self, upload: InvoiceUpload) -> None:
        """Send the NF-e of an order. `KwaiAlreadyDone` means the platform holds this access key."""
        self._call("upload_invoice", payload=outbound.invoice_payload(upload, self.names))

    def arrange_shipment(self, order_id: str, handover: Handover) -> Arranged:
        """Let the platform's own logistics carry the order; repeating answers the same number
        (contract section 4, arrangeShipment)."""
        payload = outbound.arrangement_payload(order_id, handover, self.names)
        return self._read("arrange_shipment", answers.arranged_read, payload=payload)

    def shipping_label(self, order_id: str, label_format: LabelFormat) -> bytes:
        """The label's file. The platform gives it from the arrangement until the pickup only
        (contract section 4, getShippingLabel)."""
        names = self.names.label
        params = {names.order_id: order_id, names.format: label_format.value}
        return self._read(
            "shipping_label", lambda data, wire: answers.label_read(data, label_format, wire), params=params
        )

    def ship_order(self, notice: ShipmentNotice) -> None:
        """Tell that the order left, with carrier and tracking number."""
        self._call("ship_order", payload=outbound.shipment_payload(notice, self.names))

    def confirm_delivery(self, notice: DeliveryNotice) -> None:
        """Tell that the buyer has the order; allowed for shipped orders only."""
        self._call("confirm_delivery", payload=outbound.delivery_payload(notice, self.names))

    def cancel_order(self, cancellation: Cancellation) -> None:
        self._call("cancel_order", payload=outbound.cancellation_payload(cancellation, self.names))

    def update_stock(self, update: StockUpdate) -> None:
        self._call("update_stock", payload=outbound.stock_payload(update, self.names))

    def update_price(self, update: PriceUpdate) -> None:
        self._call("update_price", payload=outbound.price_payload(update, self.names))

    def _read(
        self,
        name: str,
        read: Callable[[object, WireNames], Value],
        *,
        params: Mapping[str, str] | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> Value:
        reply = self._call(name, params=params, payload=payload)
        try:
            return read(reply.data, self.names)
        except answers.Unreadable as error:
            status = reply.http_status
            write = self.config.endpoints[name].is_write
            raise KwaiOutcomeUnknown(call=name, write=write, text=str(error), http_status=status) from None

    def _call(
        self, name: str, *, params: Mapping[str, str] | None = None, payload: Mapping[str, Any] | None = None
    ) -> transport.KwaiReply:
        credentials = self._tokens.current()
        try:
            return self._attempt(name, credentials, params, payload)
        except TokenExpired:
            # 401 proves that nothing was done, so repeating is safe for a write too.
            renewed = self._tokens.renew(credentials)
        return self._attempt(name, renewed, params, payload)

    def _attempt(
        self,
        name: str,
        credentials: KwaiCredentials,
        params: Mapping[str, str] | None,
        payload: Mapping[str, Any] | None,
    ) -> transport.KwaiReply:
        self._limiter.acquire(name)
        endpoint = self.config.endpoints[name]
        request = _storable(params, payload, self.names)
        started = time.monotonic()
        try:
            reply = transport.send(
                self.config,
                endpoint,
                credentials=credentials,
                clock=self._clock,
                params=params,
                payload=payload,
            )
        except KwaiError as error:
            self._record(name, request, started, error, type(error).__name__)
            self._limiter.learn(name, error)
            self._tokens.judge(credentials, error)
            raise
        self._record(name, request, started, reply, "ok")
        self.answered_at = reply.answered_at
        return reply

    def _record(
        self,
        call: str,
        request: Mapping[str, Any],
        started: float,
        end: transport.KwaiReply | KwaiError,
        outcome: str,
    ) -> None:
        if not self._recorder:
            return
        exchange = Exchange(
            call=call,
            request=request,
            http_status=end.http_status,
            code=end.code,
            text=end.text,
            outcome=outcome,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
        self._recorder.record(exchange)


def consent_url(
    config: ClientConfig, *, redirect_url: str, status: str, scopes: Sequence[str] = SCOPES
) -> str:
    """The page where the merchant consents (contract section 2): the state travels as `status`, the return
    address without its scheme."""
    query = {
        "appKey": config.app_key,
        "scope": ",".join(scopes),
        "redirect_uri": redirect_url.removeprefix("https://").removeprefix("http://"),
        "status": status,
    }
    return f"{config.consent_url}?{urlencode(query)}"


def exchange_code(config: ClientConfig, *, code: str) -> TokenPair:
    """Spend the single-use code of the callback. `KwaiOutcomeUnknown` means the code may be spent: ask
    for a new consent."""
    return _tokens(config, "oauth_token", {"grant_type": "authorization_code", "code": code})


def refresh_tokens(config: ClientConfig, *, refresh_token: str) -> TokenPair:
    """Rotate the pair: the old refresh token dies with this call, so it runs under the account's lease only.
    What the answer leaves out beside the access token is empty or None: the known value stands.

    `KwaiOutcomeUnknown` means the answer was lost and must not be replayed blindly (contract section 2);
    `TokenExpired` and `ConsentEnded` mean that only the merchant can help.
    """
    return _tokens(config, "oauth_refresh", {"grant_type": "refresh_token", "refresh_token": refresh_token})


def window_payload(
    names: WindowNames | RefundWindowNames,
    time_from: datetime,
    time_to: datetime,
    page: int,
    size: int,
    time_field: str = "UPDATE_TIME",
) -> dict[str, Any]:
    """The request for one page, counted from 1, of what changed within a window. ValueError for one that the
    platform would refuse."""
    if not 1 <= size <= PAGE_SIZE or not timedelta(0) <= time_to - time_from <= LONGEST_WINDOW:
        raise ValueError(f"a page holds 1 to {PAGE_SIZE} rows of at most {LONGEST_WINDOW.days} days")
    return {
        names.page: page,
        names.size: size,
        names.time_from: ms_from_moment(time_from),
        names.time_to: ms_from_moment(time_to),
        names.time_field: time_field,
    }


def _tokens(config: ClientConfig, name: str, grant: Mapping[str, str]) -> TokenPair:
    params = {"appKey": config.app_key, "appSecret": config.app_secret, **grant}
    asked_at = datetime.now(UTC)
    reply = transport.send(config, config.endpoints[name], credentials=None, clock=now_ms, params=params)
    try:
        return answers.token_pair_read(reply.data, config.names, asked_at, is_first=name == "oauth_token")
    except answers.Unreadable as error:
        raise KwaiOutcomeUnknown(
            call=name, write=True, text=str(error), http_status=reply.http_status
        ) from None


def _storable(
    params: Mapping[str, str] | None, payload: Mapping[str, Any] | None, names: WireNames
) -> dict[str, Any]:
    """What may be kept of a request: secrets hidden, a document named by size and digest only."""
    kept = redacted({**(params or {}), **(payload or {})})
    xml = kept.get(names.invoice_upload.xml)
    if isinstance(xml, str):
        kept[names.invoice_upload.xml] = {
            "base64_length": len(xml),
            "sha256": hashlib.sha256(xml.encode()).hexdigest(),
        }
    return kept
