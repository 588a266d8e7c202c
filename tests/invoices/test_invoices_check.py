"""`manage.py invoices_check`: the contract's shape, exit codes, and nothing stored or asked of a database."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.invoices.factory import COMPANY_TAX_ID, event_xml, nfe_xml

ROOT = Path(__file__).parent.parent.parent


def run(
    capsys: pytest.CaptureFixture[str], *files: Path, total: str = ""
) -> tuple[int, list[dict[str, Any]]]:
    options = ["--json", "--company", "11.222.333/0001-81", "--environment", "homologation"]
    code = 0
    try:
        call_command(
            "invoices_check", *options, *(["--order-total", total] if total else []), *map(str, files)
        )
    except SystemExit as end:
        code = int(end.code or 0)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "boa.xml": nfe_xml(),
        "aviso.xml": nfe_xml(certificate_tax_id="11444777000161"),
        "ruim.xml": nfe_xml(document=lambda text: text.replace("<vNF>170", "<vNF>171")),
        "evento.xml": event_xml(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "lote.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("danfe.pdf", b"%PDF")
    return tmp_path


def test_one_object_a_line_in_the_order_of_the_files(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    names = ["boa.xml", "aviso.xml", "evento.xml"]
    code, rows = run(capsys, *(folder / name for name in names))
    assert code == 0
    assert [row["verdict"] for row in rows] == ["accepted", "warned", "event"]
    assert [row["file"] for row in rows] == [str(folder / name) for name in names]
    assert {check["result"] for check in rows[0]["checks"]} == {"passed"}
    (warned,) = [check for check in rows[1]["checks"] if check["result"] != "passed"]
    assert (warned["code"], warned["result"]) == ("certificate", "warned")


def test_a_refused_file_ends_with_one_and_stops_nobody(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, rows = run(capsys, folder / "ruim.xml", folder / "boa.xml")
    assert (code, [row["verdict"] for row in rows]) == (1, ["refused", "accepted"])


def test_members_of_a_zip(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, rows = run(capsys, folder / "lote.zip")
    assert code == 1
    assert {row["file"].rpartition("/")[2]: row["verdict"] for row in rows} == {
        "boa.xml": "accepted",
        "aviso.xml": "warned",
        "ruim.xml": "refused",
        "evento.xml": "event",
    }


@pytest.mark.parametrize(
    ("total", "verdict"), [("170.00", "accepted"), ("170.01", "accepted"), ("169.98", "warned")]
)
def test_the_orders_total(capsys: pytest.CaptureFixture[str], folder: Path, total: str, verdict: str) -> None:
    _, (row,) = run(capsys, folder / "boa.xml", total=total)
    assert row["verdict"] == verdict
    assert row["checks"][-1]["code"] == "total"


def test_a_broken_zip_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    code, (row,) = run(capsys, tmp_path / "a.zip")
    assert (code, row["verdict"], row["checks"][0]["code"]) == (1, "refused", "archive")


def test_wrong_use_says_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="ausente"):
        run(capsys, tmp_path / "ausente.xml")
    for option, value in (
        ("--company", "11222333000182"),
        ("--order-total", "cento"),
        ("--environment", "x"),
    ):
        arguments = {"--company": COMPANY_TAX_ID, "--environment": "production", option: value}
        with pytest.raises(CommandError):
            call_command("invoices_check", *(word for pair in arguments.items() for word in pair), "a.xml")


def test_for_people_the_words_of_each_finding(folder: Path) -> None:
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command(
            "invoices_check",
            "--company", COMPANY_TAX_ID,
            "--environment", "homologation",
            str(folder / "ruim.xml"),
            stdout=out,
        )  # fmt: skip
    assert "recusa: Conteúdo igual ao assinado: O XML foi alterado" in out.getvalue()


def test_it_needs_no_database_and_makes_none(folder: Path) -> None:
    database = folder / "nenhum.sqlite3"
    options = ["--json", "--company", COMPANY_TAX_ID, "--environment", "homologation"]
    done = subprocess.run(
        [sys.executable, "manage.py", "invoices_check", *options, str(folder / "boa.xml")],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{database}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "accepted"), done.stderr
    assert not database.exists()


def test_a_name_that_is_no_text_is_shown_as_well_as_it_can_be(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"nota-\xe7.xml")).write_bytes(nfe_xml())
    options = ["--json", "--company", COMPANY_TAX_ID, "--environment", "homologation"]
    result = subprocess.run(
        [sys.executable, "manage.py", "invoices_check", *options, *tmp_path.iterdir()],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["file"].endswith("nota-\ufffd.xml")
