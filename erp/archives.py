"""ZIP files of strangers: everything that can be known of one before anything is unpacked.

What the central directory says is judged first, so that a bomb costs nothing; a member that is then read
never passes the size the directory declared.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Final

STARTS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22
_LOCATOR_64: Final = b"PK\x06\x07"
_LOCATOR_64_SIZE: Final = 20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArchiveFault(StrEnum):
    """Why an archive is not opened."""

    BROKEN = "broken"
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"
    BOMB = "bomb"
    PASSWORD = "password"  # noqa: S105 - a kind of archive
    COMPRESSION = "compression"


class ArchiveUnsafe(Exception):
    """The archive is not opened; `fault` says why."""

    def __init__(self, fault: ArchiveFault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """`total`: bytes of all members, unpacked. `directory`: bytes of the central directory, which is read
    whole and becomes objects. `ratio`: unpacked size by packed size, of members above `small` bytes."""

    members: int
    total: int
    directory: int
    ratio: int
    small: int = 64 * 1024


def nothing(info: zipfile.ZipInfo) -> bool:
    return False


def archive_open(
    stream: BinaryIO, limits: ArchiveLimits, *, is_ignored: Callable[[zipfile.ZipInfo], bool] = nothing
) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """The archive in `stream` and its members but the ignored ones. Raises `ArchiveUnsafe`."""
    try:
        _check_end(stream, limits)
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError):
        raise ArchiveUnsafe(ArchiveFault.BROKEN) from None
    members = [info for info in archive.infolist() if not is_ignored(info)]
    if len(members) > limits.members:
        raise ArchiveUnsafe(ArchiveFault.TOO_MANY)
    if sum(info.file_size for info in members) > limits.total:
        raise ArchiveUnsafe(ArchiveFault.TOO_LARGE)
    for info in members:
        _check_member(info, limits)
    return archive, members


def _check_end(stream: BinaryIO, limits: ArchiveLimits) -> None:
    """Bound the central directory by its end record before `zipfile` reads it whole."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END_SIZE - _LOCATOR_64_SIZE - 0xFFFF))
    tail = stream.read()
    # The same record zipfile takes: the last 22 bytes when they are one, else the last signature.
    start = len(tail) - _END_SIZE
    if not (tail[start:].startswith(_END) and tail.endswith(b"\x00\x00")):
        start = tail.rfind(_END)
    if start < 0:
        raise ArchiveUnsafe(ArchiveFault.BROKEN)
    count = int.from_bytes(tail[start + 10 : start + 12], "little")
    directory = int.from_bytes(tail[start + 12 : start + 16], "little")
    is_64 = tail[max(0, start - _LOCATOR_64_SIZE) : start].startswith(_LOCATOR_64)
    if count > limits.members or directory > limits.directory or is_64:
        raise ArchiveUnsafe(ArchiveFault.TOO_MANY)


def _check_member(info: zipfile.ZipInfo, limits: ArchiveLimits) -> None:
    if info.flag_bits & 0x1:
        raise ArchiveUnsafe(ArchiveFault.PASSWORD)
    if info.compress_type not in _METHODS:
        raise ArchiveUnsafe(ArchiveFault.COMPRESSION)
    if info.file_size > limits.small and info.file_size > limits.ratio * info.compress_size:
        raise ArchiveUnsafe(ArchiveFault.BOMB)
