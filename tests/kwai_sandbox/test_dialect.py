"""A platform with other paths, field names and codes: the same walk, in its words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kwai_sandbox
from kwai_sandbox.dialect import Dialect, DialectError, dialect_parse, dialect_read, last_word
from kwai_sandbox.gateway import CALLS, ENDPOINTS
from kwai_sandbox.server import running
from kwai_sandbox.settings import LIMITS
from kwai_sandbox.statuses import Status
from kwai_sandbox.vocabulary import FIELDS
from tests.kwai_sandbox.conftest import MERCHANT, Answer, Caller, invoice, send, shipment
from tests.kwai_sandbox.test_main import Start, start  # noqa: F401
from tests.kwai_sandbox.test_pushes import Receiver, configure, messages, receiver, wait_for  # noqa: F401
from tests.kwai_sandbox.test_state import run as run_module
from tests.kwai_sandbox.test_trade import window

INVENTED = Path(kwai_sandbox.__file__).parent / "dialects" / "invented.json"
WORDS = [last_word(call) for call in CALLS]
PUBLISHED = {
    "queryOrderList", "queryOrderDetails", "listItem", "getSkuList", "cancelOrder", "token", "refreshToken",
}  # fmt: skip


class Speaker(Caller):
    """A seller's caller that speaks a dialect: contract's words in, contract's words out."""

    @property
    def dialect(self) -> Dialect:
        return self.sandbox.sandbox.dialect

    def raw(self, method: str, name: str, body: Any = None, **extra: str) -> Answer:
        path = self.dialect.path_of(name)
        query = self.query(path, **self.dialect.data_out(name, extra))
        data = None if body is None else json.dumps(self.dialect.data_out(name, body)).encode()
        return send(
            self.sandbox.url, method, f"{path}?{'&'.join(f'{k}={v}' for k, v in query.items())}", data
        )

    def call(self, method: str, name: str, body: Any = None, **extra: str) -> Answer:
        answer = self.raw(method, name, body, **extra)
        meant = answer.json | {"data": self.dialect.body_in(name, answer.data)}
        return Answer(answer.status, json.dumps(meant), answer.headers)


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    with running(seed=1, settings=dict.fromkeys(LIMITS, 0), dialect=dialect_read(INVENTED, CALLS)) as sandbox:
        speaker = Speaker(sandbox, MERCHANT)
        speaker.connect()
        yield speaker


def strings(value: Any) -> set[str]:
    """Every key in a JSON value."""
    if isinstance(value, list):
        return set().union(*map(strings, value))
    return set(value).union(*map(strings, value.values())) if isinstance(value, dict) else set()


def test_the_example_renames_every_assumed_call_and_situation() -> None:
    dialect = dialect_read(INVENTED, CALLS)
    assert set(dialect.paths) == set(WORDS) - PUBLISHED
    assert set(dialect.codes) == set(Status)
    assert not set(dialect.codes) & set(dialect.codes.values())
    assert dialect.settings == {"shipLeadsTo": 200, "invoiceReview": "soon", "invoiceReviewMs": 2000}
    assert json.loads(INVENTED.read_text())["readme"]


def test_the_whole_way_of_an_own_carrier_order(speaker: Speaker) -> None:
    order_id = speaker.order()
    assert speaker.post("trade/merchant/uploadInvoice", invoice(order_id)).result == 200
    assert speaker.detail(order_id)["invoiceStatus"] == 1
    wait_for(lambda: speaker.detail(order_id)["invoiceStatus"] == 2)
    assert speaker.post("trade/merchant/shipOrder", shipment(order_id)).result == 200
    assert speaker.detail(order_id)["orderStatus"] == Status.AWAITING_PICKUP
    speaker.sandbox.control("POST", f"orders/{order_id}/collect")
    delivered = {"orderId": order_id, "deliveredAt": 1_767_900_000_000}
    assert speaker.post("trade/merchant/confirmDelivery", delivered).result == 200
    assert speaker.known(order_id)["status"] == Status.DELIVERED
    assert [row["applied"] for row in speaker.ledger()] == [True, True, True]


def test_the_way_of_a_platform_order(speaker: Speaker) -> None:
    order_id = speaker.order(status=Status.TO_ARRANGE, shippingType="KWAI_ENVIOS")
    answer = speaker.raw("POST", "logistics/arrangeShipment", {"orderId": order_id, "handover": "PICKUP"})
    assert set(answer.data) == {"courierId", "courierTitle", "waybillNo"}
    label = speaker.raw("GET", "logistics/getShippingLabel", orderId=order_id, format="ZPL")
    assert set(label.data) == {"orderId", "paper", "file"}


def test_no_renamed_word_leaves(speaker: Speaker) -> None:
    order_id = speaker.order()
    speaker.sandbox.control("PATCH", f"orders/{order_id}", {"refundStatus": 10})
    detail = speaker.raw("POST", "trade/queryOrderDetails", {"orderList": [int(order_id)]})
    refunds = speaker.raw("POST", "trade/queryRefundList", window(timeTo=window()["timeTo"] + 1000))
    (entry,) = detail.data["orderInfoDetailList"]
    assert entry["orderStatus"] == 2100
    assert entry["receiverAddressInfo"]["houseNo"]
    assert set(refunds.data["rows"][0]) == {"aftersaleId", "orderId", "step", "cents", "remark", "modifiedAt"}
    for call, answer in (("queryOrderDetails", detail), ("queryRefundList", refunds)):
        assert not strings(answer.data) & set(speaker.dialect._names_of(call))


def test_the_contracts_own_names_are_strange_words_there(speaker: Speaker) -> None:
    order_id = speaker.order(status=Status.TO_ARRANGE)
    path = speaker.dialect.path_of("trade/merchant/shipOrder")
    query = "&".join(f"{name}={value}" for name, value in speaker.query(path).items())
    answer = send(speaker.sandbox.url, "POST", f"{path}?{query}", json.dumps(shipment(order_id)).encode())
    assert answer.result == 422
    usual = "/rest/open/api/trade/merchant/shipOrder"
    query = "&".join(f"{name}={value}" for name, value in speaker.query(usual).items())
    assert send(speaker.sandbox.url, "POST", f"{usual}?{query}", b"{}").result == 404


def test_pushes_speak_it_too(speaker: Speaker, receiver: Receiver) -> None:
    configure(speaker, receiver)
    order_id = speaker.order()
    wait_for(lambda: len(receiver.bodies) == 1)
    (message,) = messages(speaker, receiver)
    assert (message["topic"], message["objectId"]) == ("order_created", order_id)
    assert json.loads(message["payload"]) == {"orderId": order_id, "orderStatus": 2100}
    assert not strings(message) & {"eventId", "event", "bizId", "info", "createTime"}


def test_pages_and_control_calls_keep_the_words_of_the_contract(speaker: Speaker) -> None:
    known = speaker.known(speaker.order())
    assert (known["order"]["orderStatus"], known["order"]["invoiceStatus"]) == (Status.AWAITING_INVOICE, 0)
    assert speaker.sandbox.control("GET", "dialect")["codes"]["101"] == 2100
    stats = speaker.sandbox.control("GET", "stats")["paths"]
    speaker.post("product/updateStock", {"itemId": 1, "skuId": 1, "stock": 1})
    assert "/rest/open/api/product/updateStock" in speaker.sandbox.control("GET", "stats")["paths"]
    assert "/rest/open/api/product/updateStock" not in stats
    assert send(speaker.sandbox.url, "GET", "/_sandbox/centre/calls?pausa=1").status == 200
    assert "fala um dialeto" in send(speaker.sandbox.url, "GET", "/_sandbox/centre/connections").text


def test_faults_are_named_by_the_contracts_call(speaker: Speaker) -> None:
    fault = {"kind": "rate_limit", "path": "updateStock", "retryAfter": 7}
    speaker.sandbox.control("PUT", "faults", fault)
    answer = speaker.raw("POST", "product/updateStock", {"itemId": 1, "skuId": 1, "stock": 1})
    assert (answer.result, answer.data) == (429, {"waitSeconds": 7})


def test_results_and_published_names_may_change_as_well() -> None:
    dialect = dialect_parse(
        {
            "paths": {"queryOrderList": "/v9/orders"},
            "fields": {"orderStatus": "phase", "merchantId": "sellerNo", "token.accessToken": "key"},
            "codes": {"101": "PAID"},
            "results": {"200": 0, "404": 4040},
        },
        WORDS,
    )
    with running(seed=1, dialect=dialect) as sandbox:
        caller = Speaker(sandbox, MERCHANT)
        code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
        answer = caller.oauth("token", "authorization_code", code=code)
        assert (answer.result, answer.data["sellerNo"]) == (0, int(MERCHANT))
        caller.access_token = answer.data["key"]
        listed = caller.raw("POST", "trade/queryOrderList", window())
        assert (listed.result, len(listed.data["orderList"])) == (0, 25)
        detail = caller.raw("POST", "trade/queryOrderDetails", {"orderList": [int(caller.order())]})
        assert detail.data["orderInfoDetailList"][0]["phase"] == "PAID"
        assert caller.raw("POST", "trade/nothing", {}).json["result"] == 4040
        assert send(sandbox.url, "GET", "/nowhere").json["result"] == 4040


def test_the_settings_of_a_dialect_are_defaults_that_can_be_turned() -> None:
    dialect = dialect_parse({"shipLeadsTo": 200, "settings": {"perStoreRate": 5}}, WORDS)
    with running(dialect=dialect) as sandbox:
        assert sandbox.control("GET", "settings")["shipLeadsTo"] == 200
        sandbox.control("PUT", "settings", {"shipLeadsTo": 30})
        assert sandbox.control("GET", "settings")["shipLeadsTo"] == 30
        sandbox.control("POST", "reset")
        found = sandbox.control("GET", "settings")
        assert (found["shipLeadsTo"], found["perStoreRate"]) == (200, 5)


@pytest.mark.parametrize(("delay", "review"), [(0, "accept"), (1, "soon")])
def test_the_delay_of_the_review(delay: int, review: str) -> None:
    assert dialect_parse({"reviewDelayMs": delay}, WORDS).settings["invoiceReview"] == review


@pytest.mark.parametrize("call", ENDPOINTS)
def test_what_goes_out_comes_back(call: str) -> None:
    dialect = dialect_read(INVENTED, CALLS)
    value = {name: [{name: 1}, name] for name in sorted(FIELDS | {"novelty", "orderStatus"})} | {
        "orderStatus": 101
    }
    said = dialect.data_out(call, value)
    assert len(said) == len(value)
    assert dialect.body_in(call, said) == value
    strange = dict.fromkeys(dialect._names_of(call), 1)
    assert dialect.data_out(call, dialect.body_in(call, strange)) == strange


def test_the_vocabulary_knows_every_name_that_the_emulator_says(seller: Caller) -> None:
    order_id = seller.order(shippingType="KWAI_ENVIOS", status=Status.COMPLETED)
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"refundStatus": 10, "canceledAt": 1})
    item = seller.post("product/listItem", {"currentPage": 1, "pageSize": 1}).data
    answers = [
        seller.detail(order_id),
        seller.post("trade/queryOrderList", window()).data,
        seller.post("trade/queryRefundList", window(timeTo=window()["timeTo"] + 1000)).data,
        item,
        seller.get("product/getSkuList", itemId=str(item["itemList"][0]["itemId"])).data,
        seller.get("product/getCategoryList").data,
        seller.get("product/getCategoryAttributes", categoryId="1101").data,
        seller.refresh().data,
        invoice(order_id),
        shipment(order_id),
    ]
    assert strings(answers) - FIELDS == set()


@pytest.mark.parametrize(("content", "word"), [
    ([], "objeto"),
    ({"path": {}}, "path"),
    ({"paths": {"uploadNote": "/x"}}, "uploadNote"),
    ({"paths": {"uploadInvoice": "x"}}, "uploadInvoice"),
    ({"paths": {"uploadInvoice": "/_sandbox/x"}}, "uploadInvoice"),
    ({"paths": {"uploadInvoice": "/a", "shipOrder": "/a"}}, "/a"),
    ({"paths": []}, "paths"),
    ({"fields": {"trackingNo": "x"}}, "trackingNo"),
    ({"fields": {"upload.number": "x"}}, "upload"),
    ({"fields": {"number": ""}}, "number"),
    ({"fields": {"number": 5}}, "number"),
    ({"fields": {"carrierCode": "x", "trackingNumber": "x"}}, "mais de um lugar"),
    ({"fields": {"carrierCode": "x", "shipOrder.trackingNumber": "x"}}, "shipOrder"),
    ({"codes": {"77": 1}}, "77"),
    ({"codes": {"10": None}}, "10"),
    ({"codes": {"10": 5, "60": 5}}, "mais de um lugar"),
    ({"results": {"418": 1}}, "418"),
    ({"results": {"200": "ok"}}, "200"),
    ({"shipLeadsTo": 40}, "shipLeadsTo"),
    ({"reviewDelayMs": "2"}, "invoiceReviewMs"),
    ({"settings": {"typo": 1}}, "typo"),
])  # fmt: skip
def test_a_wrong_dialect_is_refused_by_the_word_that_is_wrong(
    content: Any, word: str, tmp_path: Path
) -> None:
    path = tmp_path / "dialect.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DialectError, match=word) as caught:
        dialect_read(path, CALLS)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [None, "{", b"\xff"])
def test_a_file_that_cannot_be_read_is_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "dialect.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DialectError, match="JSON"):
        dialect_read(path, CALLS)


def test_the_process_takes_a_dialect_or_ends_in_one_sentence(start: Start, tmp_path: Path) -> None:
    _, sandbox = start("--dialect", str(INVENTED))
    assert sandbox.control("GET", "dialect")["paths"]["shipOrder"] == "/rest/open/api/fulfillment/v2/dispatch"
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"typo": 1}')
    done = run_module("--dialect", str(wrong))
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert "typo" in sentence
