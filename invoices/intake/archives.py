"""ZIP files of notes, opened one member at a time within caps that are checked before anything is unpacked
(`erp.archives`). Memory holds one member at once."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from erp.archives import STARTS, ArchiveFault, ArchiveLimits, ArchiveUnsafe, archive_open
from erp.refusals import RefusedError
from invoices import refusals
from invoices.intake.parser import MAX_BYTES

MAX_MEMBERS: Final = 500
# Unpacked size by packed size: a note of 990 equal items reaches about 100, a bomb 1,000.
LIMITS: Final = ArchiveLimits(members=MAX_MEMBERS, total=50 * 1024 * 1024, directory=512 * 1024, ratio=200)
_IGNORED: Final = ("__MACOSX", ".DS_Store", "Thumbs.db")
_REFUSALS: Final = {
    ArchiveFault.BROKEN: refusals.ZIP_BROKEN,
    ArchiveFault.TOO_MANY: refusals.ZIP_TOO_MANY.of(most=MAX_MEMBERS),
    ArchiveFault.TOO_LARGE: refusals.ZIP_TOO_LARGE,
    ArchiveFault.BOMB: refusals.ZIP_BOMB,
    ArchiveFault.PASSWORD: refusals.ZIP_PASSWORD,
    ArchiveFault.COMPRESSION: refusals.ZIP_COMPRESSION,
}


class ArchiveRefused(RefusedError):
    """The archive, or one member, is not opened; the text (Portuguese) says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to judge. `content` holds at most `MAX_BYTES` + 1 bytes; with a `problem` it is not judged.

    `is_invoice` is False for members that are no XML, which a ZIP of an accountant holds too (DANFE in PDF).
    """

    name: str
    content: bytes
    problem: str = ""
    is_invoice: bool = True


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
    zipped, members = archive
    for info in members[first:]:
        yield _entry(f"{name}/{info.filename}", zipped, info)


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
    return ArchiveContents([f"{name}/{info.filename}" for info in archive[1]], is_archive=True)


def _opened(stream: BinaryIO) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]] | None:
    """The ZIP and its members, looked over; None for a file that is none. Raises `ArchiveRefused`."""
    stream.seek(0)
    if not stream.read(4).startswith(STARTS):
        return None
    try:
        archive, members = archive_open(stream, LIMITS, is_ignored=_is_ignored)
    except ArchiveUnsafe as unsafe:
        raise ArchiveRefused(_REFUSALS[unsafe.fault]) from None
    if not members:
        raise ArchiveRefused(refusals.ZIP_EMPTY)
    for info in members:
        _check_name(info)
    return archive, members


def _check_name(info: zipfile.ZipInfo) -> None:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    # `orig_filename` still holds what `filename` was cut at a NUL.
    if path.is_absolute() or ".." in path.parts or ":" in info.filename or "\x00" in info.orig_filename:
        raise ArchiveRefused(refusals.ZIP_POINTS_OUTSIDE)
    if path.suffix.lower() == ".zip":
        raise ArchiveRefused(refusals.ZIP_IN_ZIP)


def _is_ignored(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename).parts
    # `ZipInfo.is_dir` of Python 3.11 stops at a member without a name.
    return info.filename.endswith("/") or any(part in _IGNORED or part.startswith("._") for part in parts)


def _entry(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    if not info.filename.lower().endswith(".xml"):
        return Entry(name, b"", is_invoice=False)
    try:
        with archive.open(info) as member:
            return Entry(name, member.read(MAX_BYTES + 1))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, OSError, EOFError):
        problem = "Este arquivo do ZIP está danificado. Baixe-o de novo no emissor e envie outra vez."
        return Entry(name, b"", problem)
