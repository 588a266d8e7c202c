from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from kwai_integration import mapping
from kwai_integration.mapping import answers, outbound, pushes
from kwai_integration.mapping.orders import order_read
from kwai_integration.mapping.people import address_read, buyer_read
from kwai_integration.wire.codes import CodeTableError, Source
from kwai_integration.wire.endpoints import ENDPOINTS
from kwai_integration.wire.names import (
    DEFAULT_NAMES,
    Privacy,
    WireNames,
    field_rows,
    wire_names,
)
from kwai_integration.wire.types import (
    Cancellation,
    DeliveryNotice,
    InvoiceReference,
    InvoiceUpload,
    PriceUpdate,
    ShipmentNotice,
    StockUpdate,
)
from tests.kwai_integration.mapping.order_factory import FETCHED_AT, raw_order

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
INVENTED = wire_names({row.name: f"x{place}" for place, row in enumerate(field_rows())})
SPELLED = {row.wire for row in field_rows()}
INVOICE = InvoiceReference("KEY", 123, 1, NOW)
PAYLOADS = {
    "upload_invoice": lambda names: outbound.invoice_payload(
        InvoiceUpload("1", "KEY", 123, 1, NOW, 17000, b"<xml/>"), names
    ),
    "ship_order": lambda names: outbound.shipment_payload(
        ShipmentNotice("1", "CORREIOS", "Correios", "AA1", NOW, date(2026, 12, 1), INVOICE, "https://x/"),
        names,
    ),
    "confirm_delivery": lambda names: outbound.delivery_payload(DeliveryNotice("1", NOW), names),
    "cancel_order": lambda names: outbound.cancellation_payload(Cancellation("1", "sem estoque"), names),
    "update_stock": lambda names: outbound.stock_payload(StockUpdate("1", "2", 3), names),
    "update_price": lambda names: outbound.price_payload(PriceUpdate("1", "2", 5000, 4000, NOW, NOW), names),
}
REFUND = {
    "refundId": 1,
    "orderId": 2,
    "status": 60,
    "amount": 3,
    "reason": "r",
    "updateTime": 1_767_312_000_123,
}
ITEM = {
    "itemId": 1, "title": "t", "number": "n", "activeStatus": 1, "salePrice": 2, "stock": 3,
    "updateTime": 1_767_312_000_123, "saleCountry": "BR",
}  # fmt: skip
SKU = {"itemId": 1, "skuId": 2, "number": "n", "skuSpecDesc": "d", "skuPrice": 3, "stock": 4}
TOKENS = {
    "merchantId": 1, "shopName": "s", "accessToken": "a", "refreshToken": "r", "expiresIn": 60,
    "refreshTokenExpiresIn": 120, "scopes": "a,b",
}  # fmt: skip
PUSH = {
    "eventId": "e", "event": "refund_updated", "bizId": "R1", "merchantId": 1, "appKey": "ks",
    "createTime": 1_767_312_000_123, "info": {"orderId": 9}, "test": False,
}  # fmt: skip
RECEIVER = {
    "name": "Ana", "cpf": "52998224725", "phone": "11", "zipCode": "01310100", "state": "SP", "city": "São Paulo",
    "district": "Bela Vista", "street": "Paulista", "number": "1", "complement": "2",
}  # fmt: skip
ANSWERS = {
    "list_orders": ("order_page", {"total": 1, "orderList": [{"orderId": 7}]}, answers.order_page_read),
    "order_details": ("details", {"orderInfoDetailList": [{}]}, answers.order_details_read),
    "list_refunds": ("refund_page", {"total": 1, "refundList": [REFUND]}, answers.refund_page_read),
    "list_items": ("item_page", {"totalCount": 1, "itemList": [ITEM]}, answers.item_page_read),
    "sku_list": ("sku_list", {"itemId": 1, "skus": [SKU]}, answers.sku_list_read),
    "oauth_token": (
        "tokens",
        TOKENS,
        lambda data, names: answers.token_pair_read(data, names, NOW, is_first=True),
    ),
    "buyer": ("receiver", RECEIVER, lambda data, names: buyer_read(data, _ignore, names.receiver)),
    "address": ("receiver", RECEIVER, lambda data, names: address_read(data, _ignore, names.receiver)),
    "order": ("order", raw_order(), lambda data, names: order_read(data, FETCHED_AT, names=names)),
    "push": ("push", PUSH, lambda data, names: _seen(pushes.push_read(data, names))),
}
INSIDE = {
    "orderList": "order_page",
    "refundList": "refund",
    "itemList": "item",
    "skus": "sku",
    "info": "push_info",
    "orderItemView": "line",
    "receiverAddressInfo": "receiver",
    "payments": "payment",
}


def _ignore(warning: object) -> None:
    pass


def _seen(message: pushes.PushMessage | None) -> tuple[object, ...]:
    assert message is not None
    return (
        message.event_id,
        message.event,
        message.subject,
        message.merchant_id,
        message.app_key,
        message.sent_at,
    )


def test_every_row_names_a_call_and_is_named_once():
    rows = list(field_rows())
    assert len({row.name for row in rows}) == len(rows) > 100
    assert {row.call for row in rows} <= {*ENDPOINTS, "push", "any"}
    published = {row.name for row in rows if row.source is Source.PUBLISHED}
    assert {"order.id", "order.status", "line.quantity", "line.price", "tokens.access_token"} <= published
    assumed = {row.name for row in rows if row.source is Source.ASSUMED}
    assert {"order.hold_reason", "invoice_upload.xml", "shipment.tracking_number", "refund.status"} <= assumed


def test_what_identifies_a_person_is_marked():
    personal = {row.name for row in field_rows() if row.privacy is Privacy.PERSONAL}
    receiver = {f"receiver.{row}" for row in ("tax_id", "name", "phone", "postal_code", "street", "number")}
    assert receiver | {"order.buyer_note", "order.tracking_number", "refund.reason"} <= personal
    secret = {row.name for row in field_rows() if row.privacy is Privacy.SECRET}
    assert secret == {"tokens.access_token", "tokens.refresh_token"}


@pytest.mark.parametrize("call", PAYLOADS)
def test_every_request_is_spelled_by_the_table(call):
    default, invented = PAYLOADS[call](DEFAULT_NAMES), PAYLOADS[call](INVENTED)
    assert set(_keys(default)) <= SPELLED
    assert all(re.fullmatch(r"x\d+", name) for name in _keys(invented))
    assert len(list(_keys(invented))) == len(list(_keys(default)))


@pytest.mark.parametrize("call", ANSWERS)
def test_every_answer_is_read_by_the_table(call):
    section, data, read = ANSWERS[call]
    renamed = _renamed(data, section)
    assert renamed != data
    assert read(renamed, INVENTED) == read(data, DEFAULT_NAMES)


def test_one_correction_leaves_the_rest_alone():
    names = wire_names({"order.status": "state"})
    assert names.order.status == "state"
    assert [row.name for row in field_rows(names) if row.is_overridden] == ["order.status"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "KWAI_FIELDS precisa ser um objeto JSON"),
        ({"order.nothing": "x"}, "o campo order.nothing não existe"),
        ({"orderStatus": "x"}, "o campo orderStatus não existe"),
        ({"order.status": ""}, "o nome de order.status precisa ser um texto"),
        ({"order.status": 3}, "o nome de order.status precisa ser um texto"),
        ({"order.status": " x"}, "o nome de order.status precisa ser um texto"),
        ({"order.status": "totalAmount"}, "dois campos de order teriam o mesmo nome, totalAmount"),
    ],
)
def test_a_correction_that_fits_nothing_is_said_in_one_sentence(overrides, said):
    with pytest.raises(CodeTableError, match=r"^KWAI_FIELDS") as caught:
        wire_names(overrides)
    assert said in str(caught.value)


def _keys(payload: object) -> Iterator[str]:
    if isinstance(payload, dict):
        for name, value in payload.items():
            yield name
            yield from _keys(value)


def _renamed(data: dict[str, object], section: str) -> dict[str, object]:
    """The same answer as a platform with the invented names would give it."""
    spelled = {row.wire: row.attribute for row in field_rows() if row.section == section}
    return {_invented(section, spelled[name]): _inside(name, value) for name, value in data.items()}


def _inside(name: str, value: object) -> object:
    if isinstance(value, list):
        return [_inside(name, entry) for entry in value]
    return _renamed(value, INSIDE[name]) if isinstance(value, dict) and value else value


def _invented(section: str, attribute: str, names: WireNames = INVENTED) -> str:
    return str(getattr(getattr(names, section), attribute))


def test_no_wire_name_is_spelled_in_the_mapping():
    """Fields are asked by the table, so that a correction reaches every reader and writer. A plain word may
    be a name of ours too: there what counts is that nothing is looked up or written by it."""
    folder = Path(mapping.__file__).parent
    found = [
        f"{path.name}:{node.lineno} {node.value}"
        for path in sorted(folder.glob("*.py"))
        for node in _spelled(ast.parse(path.read_text()))
    ]
    assert found == []


def test_the_search_finds_each_way_of_spelling():
    ways = """
def read(entry, frame):
    self.moment("createTime")
    entry.get("status")
    entry["status"]
    return {"status": 1, "other": 2}
"""
    assert len(list(_spelled(ast.parse(ways)))) == 4


def _spelled(tree: ast.Module) -> Iterator[ast.Constant]:
    keys = [
        key
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for key in _looked_up(function)
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or node.value not in SPELLED:
            continue
        if not node.value.islower() or any(node is key for key in keys):
            yield node


def _looked_up(function: ast.FunctionDef) -> Iterator[ast.expr | None]:
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            yield from node.keys
        elif isinstance(node, ast.Subscript):
            yield node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            yield node.args[0]
