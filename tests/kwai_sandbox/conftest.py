"""A running emulator and a caller that signs as the contract says, over real HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from kwai_sandbox.server import RunningSandbox, running
from kwai_sandbox.settings import LIMITS
from kwai_sandbox.signing import signature
from tests.invoices import factory

ROOT = "/rest/open/api"
MERCHANT = "100000000000000101"
OTHER_MERCHANT = "100000000000000102"


@dataclass
class Answer:
    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def result(self) -> int:
        return int(self.json["result"])

    @property
    def data(self) -> Any:
        return self.json["data"]


def send(
    url: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(errors="replace"), dict(answer.getheaders()))
    finally:
        connection.close()


@dataclass
class Caller:
    """The ERP's side of the wire for one seller."""

    sandbox: RunningSandbox
    merchant_id: str
    access_token: str = ""
    refresh_token: str = ""

    def query(self, path: str, **extra: str) -> dict[str, str]:
        query = {
            "appKey": self.sandbox.credentials.app_key,
            "merchantId": self.merchant_id,
            "ts": str(time.time_ns() // 1_000_000),
            "version": "1.0",
            "accessToken": self.access_token,
        } | extra
        query["sign"] = signature(path, query, self.sandbox.credentials)
        return query

    def call(self, method: str, name: str, body: Any = None, **extra: str) -> Answer:
        path = f"{ROOT}/{name}"
        data = None if body is None else json.dumps(body).encode()
        return send(self.sandbox.url, method, f"{path}?{urlencode(self.query(path, **extra))}", data)

    def post(self, name: str, body: Any) -> Answer:
        return self.call("POST", name, body)

    def get(self, name: str, **extra: str) -> Answer:
        return self.call("GET", name, **extra)

    def oauth(self, name: str, grant_type: str, **extra: str) -> Answer:
        app = self.sandbox.credentials
        query = {"appKey": app.app_key, "appSecret": app.app_secret, "grant_type": grant_type} | extra
        return send(self.sandbox.url, "GET", f"{ROOT}/oauth2/{name}?{urlencode(query)}")

    def connect(self, scopes: str = "") -> Caller:
        code = self.sandbox.control("POST", "grants", {"merchantId": self.merchant_id, "scopes": scopes})[
            "code"
        ]
        self.keep(self.oauth("token", "authorization_code", code=code).data)
        return self

    def refresh(self) -> Answer:
        return self.oauth("refreshToken", "refresh_token", refresh_token=self.refresh_token)

    def keep(self, data: dict[str, Any]) -> None:
        self.access_token, self.refresh_token = data["accessToken"], data["refreshToken"]

    def order(self, **fields: Any) -> str:
        body = {"merchantId": self.merchant_id} | fields
        return str(self.sandbox.control("POST", "orders", body)["orderIds"][0])

    def detail(self, order_id: str) -> dict[str, Any]:
        answer = self.post("trade/queryOrderDetails", {"orderList": [int(order_id)]})
        details: list[dict[str, Any]] = answer.data["orderInfoDetailList"]
        return details[0]

    def known(self, order_id: str) -> Any:
        return self.sandbox.control("GET", f"orders/{order_id}")

    def ledger(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.sandbox.control("GET", "ledger")["rows"]
        return rows


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Without limits: tests call as fast as they can. Everything else is as strict as usual."""
    with running(seed=1, settings=dict.fromkeys(LIMITS, 0)) as emulator:
        yield emulator


@pytest.fixture
def seller(sandbox: RunningSandbox) -> Caller:
    return Caller(sandbox, MERCHANT).connect()


@pytest.fixture
def other_seller(sandbox: RunningSandbox) -> Caller:
    return Caller(sandbox, OTHER_MERCHANT).connect()


def access_key(number: int = 1, series: int = 1) -> str:
    return factory.access_key(number=number, series=series)


@lru_cache(maxsize=256)
def note(number: int = 1) -> bytes:
    return factory.nfe_xml(number=number)


def invoice(order_id: str, number: int = 1, document: bytes | None = None) -> dict[str, Any]:
    return {
        "orderId": order_id,
        "accessKey": access_key(number),
        "number": number,
        "series": 1,
        "issuedAt": 1_767_312_000_000,
        "totalAmount": 17_000,
        "xml": base64.b64encode(document or note(number)).decode(),
    }


def shipment(order_id: str, number: str = "AA123456785BR") -> dict[str, Any]:
    return {
        "orderId": order_id,
        "carrierCode": "CORREIOS",
        "carrierName": "Correios",
        "trackingNumber": number,
        "shippedAt": 1_767_312_000_000,
        "estimatedDeliveryAt": 1_767_830_400_000,
    }
