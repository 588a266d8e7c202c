"""ZIP files of notes, opened one member at a time within caps that are checked before anything is unpacked.

Everything that can be known from the central directory is judged first, so that a bomb costs nothing; what is
then read of a member never passes what the directory declared. Memory holds one member at once.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from erp.refusals import RefusedError
from invoices import refusals
from invoices.intake.parser import MAX_BYTES

MAX_MEMBERS: Final = 500
MAX_TOTAL: Final = 50 * 1024 * 1024
"""Bytes of all members together, unpacked."""

MAX_RATIO: Final = 200
"""Unpacked size by packed size. A note of 990 equal items reaches about 100, a bomb 1,000."""

SMALL: Final = 64 * 1024
"""Below this a high ratio harms nobody."""

MAX_DIRECTORY: Final = 512 * 1024
"""Bytes of the central directory: it is read whole and becomes objects, so it is bounded before."""

_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22
_LOCATOR_64: Final = b"PK\x06\x07"
_LOCATOR_64_SIZE: Final = 20
_STARTS: Final = (b"PK\x03\x04", _END)
_IGNORED: Final = ("__MACOSX", ".DS_Store", "Thumbs.db")
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArchiveRefused(RefusedError):
    """The archive, or one member, is not opened; the text (Portuguese) says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to judge. `content` holds at most `MAX_BYTES` + 1 bytes; with a `problem` it is not judged.

    `is_note` is False for members that are no XML, which a ZIP of an accountant holds too (DANFE in PDF).
    """

    name: str
    content: bytes
    problem: str = ""
    is_note: bool = True


def entries(name: str, source: bytes | BinaryIO, *, first: int = 0) -> Iterator[Entry]:
    """The files in `source`: itself, or the members of a ZIP from the one at place `first` on. Never raises
    for its content."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    problem = ""
    try:
        archive = _opened(stream)
    except ArchiveRefused as refused:
        archive, problem = None, refused.refusal
    if archive is None:
        stream.seek(0)
        yield Entry(name, stream.read(MAX_BYTES + 1), problem)
        return
    for info in _members(archive)[first:]:
        yield _entry(f"{name}/{info.filename}", archive, info)


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """What `entries` yields of a source: `names`, in order. `problem` says why a ZIP is not opened: then its
    first bytes are one entry, as with a file that is no ZIP."""

    names: Sequence[str]
    problem: str = ""
    is_archive: bool = False


def archive_contents(name: str, stream: BinaryIO) -> ArchiveContents:
    """Look into `stream` without unpacking anything."""
    try:
        archive = _opened(stream)
    except ArchiveRefused as refused:
        return ArchiveContents([name], refused.refusal)
    if archive is None:
        return ArchiveContents([name])
    return ArchiveContents([f"{name}/{info.filename}" for info in _members(archive)], is_archive=True)


def _opened(stream: BinaryIO) -> zipfile.ZipFile | None:
    """The ZIP, its directory checked; None for a file that is none. Raises `ArchiveRefused`."""
    stream.seek(0)
    if not stream.read(len(_END)).startswith(_STARTS):
        return None
    try:
        _check_end(stream)
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError):
        raise ArchiveRefused(refusals.ZIP_BROKEN) from None
    _check_directory(_members(archive))
    return archive


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if not _is_ignored(info)]


def _check_end(stream: BinaryIO) -> None:
    """Bound the central directory by its end record before `zipfile` reads it whole."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END_SIZE - _LOCATOR_64_SIZE - 0xFFFF))
    tail = stream.read()
    # The same record zipfile takes: the last 22 bytes when they are one, else the last signature.
    start = len(tail) - _END_SIZE
    if not (tail[start:].startswith(_END) and tail.endswith(b"\x00\x00")):
        start = tail.rfind(_END)
    if start < 0:
        raise ArchiveRefused(refusals.ZIP_BROKEN)
    count = int.from_bytes(tail[start + 10 : start + 12], "little")
    directory = int.from_bytes(tail[start + 12 : start + 16], "little")
    is_64 = tail[max(0, start - _LOCATOR_64_SIZE) : start].startswith(_LOCATOR_64)
    if count > MAX_MEMBERS or directory > MAX_DIRECTORY or is_64:
        raise ArchiveRefused(refusals.ZIP_TOO_MANY.of(most=MAX_MEMBERS))


def _check_directory(members: list[zipfile.ZipInfo]) -> None:
    """Raises `ArchiveRefused`. Declared sizes hold: `zipfile` reads no byte past them."""
    if not members:
        raise ArchiveRefused(refusals.ZIP_EMPTY)
    if len(members) > MAX_MEMBERS:
        raise ArchiveRefused(refusals.ZIP_TOO_MANY.of(most=MAX_MEMBERS))
    if sum(info.file_size for info in members) > MAX_TOTAL:
        raise ArchiveRefused(refusals.ZIP_TOO_LARGE)
    for info in members:
        _check_member(info)


def _check_member(info: zipfile.ZipInfo) -> None:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    # `orig_filename` still holds what `filename` was cut at a NUL.
    if path.is_absolute() or ".." in path.parts or ":" in info.filename or "\x00" in info.orig_filename:
        raise ArchiveRefused(refusals.ZIP_POINTS_OUTSIDE)
    if path.suffix.lower() == ".zip":
        raise ArchiveRefused(refusals.ZIP_IN_ZIP)
    if info.flag_bits & 0x1:
        raise ArchiveRefused(refusals.ZIP_PASSWORD)
    if info.compress_type not in _METHODS:
        raise ArchiveRefused(refusals.ZIP_COMPRESSION)
    if info.file_size > SMALL and info.file_size > MAX_RATIO * info.compress_size:
        raise ArchiveRefused(refusals.ZIP_BOMB)


def _is_ignored(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename).parts
    # `ZipInfo.is_dir` of Python 3.11 stops at a member without a name.
    return info.filename.endswith("/") or any(part in _IGNORED or part.startswith("._") for part in parts)


def _entry(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    if not info.filename.lower().endswith(".xml"):
        return Entry(name, b"", is_note=False)
    try:
        with archive.open(info) as member:
            return Entry(name, member.read(MAX_BYTES + 1))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, OSError, EOFError):
        problem = "Este arquivo do ZIP está danificado. Baixe-o de novo no emissor e envie outra vez."
        return Entry(name, b"", problem)
