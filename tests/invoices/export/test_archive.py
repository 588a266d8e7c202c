"""The ZIP that is made while it is sent opens in strict readers, and its size is known beforehand."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile

from invoices.export.archive import Member, zip_stream

AT = datetime(2026, 11, 20, 10, 30, 2, tzinfo=UTC)


def members(count: int = 3) -> Iterator[Member]:
    for n in range(count):
        yield f"2026-11/notas/é{n}.xml", AT, b"<x>" + bytes([65 + n % 26]) * n * 1000


def test_it_is_an_ordinary_zip() -> None:
    content = b"".join(zip_stream(members()))
    with ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert [(info.filename, archive.read(info), info.date_time) for info in archive.infolist()] == [
            (name, body, AT.timetuple()[:6]) for name, _, body in members()
        ]
        assert {info.compress_type for info in archive.infolist()} == {ZIP_STORED}


def test_local_headers_carry_size_and_checksum() -> None:
    """Readers that cannot seek refuse stored members whose size only follows them (flag bit 3)."""
    first = next(iter(zip_stream(members(2))))
    signature, _, flags = struct.unpack("<4sHH", first[:8])
    assert signature == b"PK\x03\x04"
    assert not flags & 0x08
    assert struct.unpack("<I", first[22:26])[0] == len(b"<x>")


def test_pieces_are_one_file_each() -> None:
    pieces = list(zip_stream(members(30)))
    assert len(pieces) == 31
    assert max(map(len, pieces)) < 40_000


def test_an_empty_one_is_valid() -> None:
    with ZipFile(BytesIO(b"".join(zip_stream([])))) as archive:
        assert archive.namelist() == []


def test_more_than_65535_members() -> None:
    """A year of a large shop: the classic format ends there, readers expect the 64-bit one."""
    content = b"".join(zip_stream((f"{n}", AT, b"") for n in range(65_600)))
    with ZipFile(BytesIO(content)) as archive:
        assert len(archive.namelist()) == 65_600
