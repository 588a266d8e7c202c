"""The one test that states the platform's situations (contract section 3.1)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import kwai_sandbox
from kwai_sandbox.statuses import Status, label_of, status_of

CODES = {
    10: "Aguardando pagamento",
    101: "Pago, aguardando NF-e",
    102: "Pago, envio a programar",
    200: "Aguardando coleta",
    210: "Embalado, aguardando coleta",
    30: "Enviado",
    40: "Recebido",
    50: "Concluído",
    60: "Encerrado",
}
SPELLED = re.compile(rf"(?i)(order\.status|order_?status)\W{{1,8}}({'|'.join(map(str, CODES))})\b")


def test_the_table() -> None:
    assert {status.value: status.label for status in Status} == CODES


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_found_with_its_label(code: int) -> None:
    assert status_of(code) == code
    assert label_of(code) == CODES[code]


@pytest.mark.parametrize("value", [None, True, 30.5, "30", [30], {}, 0, 35, 70, 80, 10**30])
def test_anything_else_is_no_situation(value: Any) -> None:
    assert status_of(value) is None
    assert label_of(value) == f"código {value}"


def test_no_other_module_spells_a_code() -> None:
    folder = Path(kwai_sandbox.__file__).parent
    files = [path for path in folder.rglob("*") if path.suffix in (".py", ".html", ".json")]
    assert SPELLED.search('{"orderStatus": 101}')
    assert [path.name for path in files if SPELLED.search(path.read_text(encoding="utf-8"))] == []
