"""ZIP files: what is opened, and what is refused before a byte is unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from invoices.intake import archives
from invoices.intake.archives import MAX_MEMBERS, Entry, entries
from invoices.intake.parser import MAX_BYTES
from tests.invoices.factory import nfe_xml


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def opened(content: bytes) -> list[Entry]:
    return list(entries("lote.zip", content))


def problem_of(content: bytes) -> str:
    (entry,) = opened(content)
    return entry.problem


def test_what_is_no_zip_is_one_file() -> None:
    assert list(entries("a.xml", b"<a/>")) == [Entry("a.xml", b"<a/>")]
    assert len(next(iter(entries("a.xml", b"<" * (MAX_BYTES + 9)))).content) == MAX_BYTES + 1


def test_members_come_one_by_one_with_the_archives_name() -> None:
    note = nfe_xml()
    found = opened(zipped({"11/a.XML": note, "b.xml": b"<b/>"}))
    assert found == [Entry("lote.zip/11/a.XML", note), Entry("lote.zip/b.xml", b"<b/>")]


def test_what_is_no_xml_is_not_read_and_leftovers_of_systems_are_nothing() -> None:
    found = opened(zipped({"a.xml": b"<a/>", "a.pdf": b"%PDF", "__MACOSX/._a.xml": b"x", "pasta/": b""}))
    assert found == [Entry("lote.zip/a.xml", b"<a/>"), Entry("lote.zip/a.pdf", b"", is_invoice=False)]


def test_a_zip_of_the_largest_note_is_opened() -> None:
    note = nfe_xml(items=990)
    assert opened(zipped({"a.xml": note}))[0].content == note


@pytest.mark.parametrize("name", ["../a.xml", "/etc/a.xml", "x/../../a.xml", "..\\a.xml", "C:\\a.xml"])
def test_names_that_lead_outside_are_refused(name: str) -> None:
    content = zipped({"AAAAAAAA" + "b" * 20: b"<a/>"}).replace(
        b"AAAAAAAA" + b"b" * 20, name.encode().ljust(28, b"b")
    )
    assert "fora dele" in problem_of(content)


def patched(content: bytes, at: int, value: bytes) -> bytes:
    """Change the only entry of the central directory."""
    start = content.rfind(b"PK\x01\x02") + at
    return content[:start] + value + content[start + len(value) :]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped({}), "vazio"),
        (zipped({f"{n}.xml": b"<a/>" for n in range(MAX_MEMBERS + 1)}), "mais de 500"),
        (zipped({f"{n}.xml": b"<" * 2**20 for n in range(51)}, zipfile.ZIP_STORED), "50 MB"),
        (zipped({"bomba.xml": b"<" * 2**24}), "se expande"),
        (zipped({"dentro.ZIP": b"x"}), "outro ZIP"),
        (zipped({"a.xml": b"<a/>"}, zipfile.ZIP_LZMA), "compressão"),
        (patched(zipped({"a.xml": b"<a/>"}), 8, b"\x01\x00"), "senha"),
        (zipped({"a.xml": b"<a/>"})[:-30], "danificado"),
        (b"PK\x03\x04" + b"x" * 100, "danificado"),
    ],
    ids=["empty", "members", "total", "ratio", "nested", "method", "password", "cut", "noise"],
)
def test_archives_that_are_refused_whole(content: bytes, words: str) -> None:
    assert words in problem_of(content)


def test_a_member_without_a_name_is_refused_like_any_name_cut_at_a_nul() -> None:
    content = zipped({"a.xml": b"<a/>"}).replace(b"a.xml", b"\x00.xml")
    assert "fora dele" in problem_of(content)


def test_a_damaged_member_stops_nobody() -> None:
    content = bytearray(zipped({"a.xml": nfe_xml(), "b.xml": b"<b/>"}))
    content[200] ^= 0xFF
    damaged, sound = opened(bytes(content))
    assert "danificado" in damaged.problem
    assert sound == Entry("lote.zip/b.xml", b"<b/>")


def test_a_directory_that_lies_about_its_count_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million empty names would become a gigabyte of objects: the end record is judged before."""
    content = bytearray(zipped({f"{n:060}.xml": b"" for n in range(5000)}))
    end = content.rfind(b"PK\x05\x06")
    content[end + 10 : end + 12] = (1).to_bytes(2, "little")
    monkeypatch.setattr(zipfile, "ZipFile", never)
    assert "mais de 500" in problem_of(bytes(content))


def test_zip64_cannot_hide_a_larger_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    content = zipped({"a.xml": b"<a/>"})
    end = content.rfind(b"PK\x05\x06")
    monkeypatch.setattr(zipfile, "ZipFile", never)
    assert "mais de 500" in problem_of(content[:end] + b"PK\x06\x07" + b"\x00" * 16 + content[end:])


def test_sizes_that_lie_read_no_more_than_declared() -> None:
    """The directory says 10 bytes, the member unpacks to a megabyte: what was declared is all that is read."""
    content = patched(zipped({"a.xml": b"<" * 2**20}), 24, (10).to_bytes(4, "little"))
    (entry,) = opened(content)
    assert len(entry.content) <= 10


def never(*_: object) -> Callable[..., object]:
    raise AssertionError("zipfile must not be asked")


def test_an_archive_in_a_file_is_read_as_it_stands(tmp_path: object) -> None:
    stream = io.BytesIO(zipped({"a.xml": b"<a/>"}))
    assert [entry.name for entry in archives.entries("x.zip", stream)] == ["x.zip/a.xml"]
