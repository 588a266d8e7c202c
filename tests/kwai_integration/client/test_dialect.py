"""A dialect of the emulator becomes settings that pass the checks of start-up."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

import kwai_sandbox
from kwai_integration.client.dialect import dialect_settings
from kwai_integration.wire.codes import RESULTS, SITUATIONS, result_table, situation_table
from kwai_integration.wire.endpoints import endpoint_table
from kwai_integration.wire.names import field_rows, wire_names

FILES = sorted((Path(kwai_sandbox.__file__).parent / "dialects").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_dialect_is_spoken(path: Path) -> None:
    dialect = json.loads(path.read_text())
    found = dialect_settings(dialect)
    assert set(dialect.get("paths", {}).values()) >= {*found["KWAI_PATHS"].values()} != set()
    endpoint_table(found["KWAI_PATHS"])
    names = wire_names(found["KWAI_FIELDS"])
    assert {row.wire for row in field_rows(names) if row.is_overridden} <= set(dialect["fields"].values())
    table = situation_table(found["KWAI_STATUS_ROLES"])
    wanted = {str(wire): SITUATIONS[code].role for code, wire in dialect["codes"].items()}
    assert table.roles == wanted
    result_table(found["KWAI_RESULT_ROLES"])


def test_a_name_for_one_call_wins() -> None:
    fields = {"number": "no", "uploadInvoice.number": "fiscalNumber", "push.createTime": "sentAt"}
    found = dialect_settings({"fields": fields})["KWAI_FIELDS"]
    assert (found["invoice_upload.number"], found["receiver.number"]) == ("fiscalNumber", "no")
    assert found["push.sent_at"] == "sentAt"
    assert "order.created_at" not in found


def test_a_renamed_code_leaves_its_old_one() -> None:
    found = dialect_settings({"codes": {"30": "SHIPPED"}, "results": {"444": 1444}})
    table = situation_table(found["KWAI_STATUS_ROLES"])
    assert table.role("SHIPPED") == SITUATIONS["30"].role
    assert table.role("30") is None
    assert len(table.rows) == len(SITUATIONS)
    results = result_table(found["KWAI_RESULT_ROLES"])
    assert results.meaning(1444) == RESULTS[444].meaning
    assert results.meaning(444) is None


def test_codes_that_change_places() -> None:
    table = situation_table(dialect_settings({"codes": {"30": 40, "40": 30}})["KWAI_STATUS_ROLES"])
    assert (table.role("40"), table.role("30")) == (SITUATIONS["30"].role, SITUATIONS["40"].role)


def test_nothing_to_correct_prints_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_text("{}")
    assert printed(path) == ""


def test_the_command_prints_lines_of_env(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_text('{"fields": {"orderStatus": "state"}, "paths": {"shipOrder": "/ship"}}')
    assert printed(path).splitlines() == [
        """KWAI_PATHS='{"ship_order":"/ship"}'""",
        """KWAI_FIELDS='{"order.status":"state"}'""",
    ]


@pytest.mark.parametrize("content", ["", "[]", '{"codes": {"999": 1}}', '{"fields": []}'])
def test_a_file_that_is_no_dialect_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(CommandError, match="não é um dialeto"):
        printed(path)
    with pytest.raises(CommandError, match="Não foi possível ler"):
        printed(tmp_path / "missing.json")


def printed(path: Path) -> str:
    out = StringIO()
    call_command("kwai_dialect", str(path), stdout=out)
    return out.getvalue()
