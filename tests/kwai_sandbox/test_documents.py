"""An XML document as lines and facts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kwai_sandbox.documents import LARGEST_SHOWN, Line, document_read
from tests.invoices.factory import nfe_xml


def test_a_note_is_told_in_facts_and_lines() -> None:
    content = nfe_xml(
        recipient_tax_id="52998224725",
        total=17_000,
        number=4567,
        series=2,
        issued_at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    document = document_read(content)
    assert document is not None
    assert (document.facts["Número"], document.facts["Série"]) == ("4567", "2")
    assert document.facts["Valor da nota"] == "170.00"
    assert document.facts["Ambiente"].startswith("homologação")
    opened = [line for line in document.lines if not line.closes and line.text is None]
    assert len(opened) == sum(line.closes for line in document.lines)
    assert document.lines[0].tag == "nfeProc"
    assert document.lines[-1] == Line(0, "nfeProc", closes=True)


def test_leaves_are_one_line_and_depth_follows_the_tree() -> None:
    document = document_read(b'<a x="1"><b>t &lt; u</b><c/></a>')
    assert document is not None
    assert document.lines == [
        Line(0, "a", (("x", "1"),)), Line(1, "b", (), "t < u"), Line(1, "c", (), ""), Line(0, "a", closes=True),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [
    b"", b"not xml", b"<a>", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<a/><b/>", b"<a>" * 200 + b"</a>" * 200,
    b"<a>" + b"x" * LARGEST_SHOWN + b"</a>", '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
])  # fmt: skip
def test_what_is_not_safe_to_show_is_not_shown(content: bytes) -> None:
    assert document_read(content) is None
