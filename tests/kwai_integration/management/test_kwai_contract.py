from __future__ import annotations

import json
from io import StringIO

from django.core.management import call_command

from kwai_integration.client.writes import Write
from kwai_integration.wire.endpoints import ENDPOINTS
from kwai_integration.wire.names import field_rows
from tests.kwai_integration.codes import PAID


def printed(*args: str) -> str:
    out = StringIO()
    call_command("kwai_contract", *args, stdout=out)
    return out.getvalue()


def test_text_names_every_call_and_says_what_is_assumed():
    text = printed()
    for endpoint in ENDPOINTS.values():
        assert endpoint.path in text
    line = next(line for line in text.splitlines() if "uploadInvoice" in line)
    assert "presumido" in line
    assert "ALTERADO" not in text


def test_json_is_one_object_with_every_table():
    contract = json.loads(printed("--json"))
    assert {row["name"] for row in contract["endpoints"]} == set(ENDPOINTS)
    roles = {row["code"]: row["role"] for row in contract["orderStatus"]}
    assert roles[str(PAID)] == "awaiting_invoice"
    published = {row["code"] for row in contract["result"] if row["source"] == "published"}
    assert published == {200, 443}
    assert {row["name"]: row["wire"] for row in contract["fields"]} == {
        row.name: row.wire for row in field_rows()
    }
    assert {"invoiceStatus", "refundStatus", "shippingType", "activeStatus"} <= set(contract)


def test_edition_search_date_and_allow_list_are_printed():
    contract = json.loads(printed("--json"))
    assert contract["contract"] == [{"edition": 2, "searched_on": "2026-11-28"}]
    text = printed()
    assert "2026-11-28" in text
    assert {row["write"] for row in contract["writes"]} == {str(write) for write in Write}
    shipped = next(row for row in contract["writes"] if row["write"] == Write.SHIP_ORDER)
    assert shipped["permitted"] == "to_arrange, awaiting_pickup, packed"
    assert {row["source"] for row in contract["orderStatus"]} == {"third_party"}


def test_overrides_are_shown_as_such(settings):
    settings.KWAI_PATHS = {"ship_order": "/rest/open/api/trade/ship"}
    settings.KWAI_STATUS_ROLES = {"35": "shipped"}
    settings.KWAI_FIELDS = {"order.hold_reason": "blockReason"}
    contract = json.loads(printed("--json"))
    changed = [row for row in contract["endpoints"] if row["overridden"]]
    assert [(row["name"], row["path"]) for row in changed] == [("ship_order", "/rest/open/api/trade/ship")]
    assert [row["code"] for row in contract["orderStatus"] if row["overridden"]] == ["35"]
    fields = [(row["name"], row["wire"]) for row in contract["fields"] if row["overridden"]]
    assert fields == [("order.hold_reason", "blockReason")]
    assert printed().count("ALTERADO") == 3


def test_secrets_are_never_printed(settings):
    for text in (printed(), printed("--json")):
        assert settings.KWAI_APP_SECRET not in text
        assert settings.KWAI_SIGN_SECRET not in text
