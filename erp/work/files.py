"""Files of a work: written and read in chunks, erased as soon as no row needs them any more."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from django.db.models import Exists, OuterRef

from erp.work.models import CHUNK_BYTES, Work, WorkFile, WorkFileChunk, WorkRow


def file_keep(*, work: Work, name: str, source: BinaryIO, most: int | None = None) -> WorkFile:
    """Keep what `source` holds from here on, at most `most` bytes of it. Each chunk is a short write of its
    own: a large file locks nobody out."""
    kept = WorkFile.objects.create(work=work, name=name)
    left = most
    position = 0
    while chunk := source.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)):
        WorkFileChunk.objects.create(file=kept, position=position, content=chunk)
        kept.size += len(chunk)
        position += 1
        left = None if left is None else left - len(chunk)
    kept.save(update_fields=["size"])
    return kept


def file_open(kept: WorkFile) -> BinaryIO:
    """The file as a stream that can seek; memory holds a chunk or two of it."""
    return cast(BinaryIO, io.BufferedReader(_KeptFile(kept), CHUNK_BYTES))


def files_erase_unneeded(*, work: Work) -> None:
    """Erase the files of which every row is done; one without a row yet is just being added."""
    rows = WorkRow.objects.filter(file=OuterRef("pk"))
    work.files.filter(Exists(rows), ~Exists(rows.filter(outcome=""))).delete()


class _KeptFile(io.RawIOBase):
    def __init__(self, kept: WorkFile) -> None:
        self._file = kept
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        position, start = divmod(self._at, CHUNK_BYTES)
        chunk = self._file.chunks.filter(position=position).values_list("content", flat=True).first() or b""
        part = bytes(chunk)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)
