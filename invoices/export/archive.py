"""A ZIP made while it is sent: one member in memory at a time, and a size that can be known beforehand.

Members are stored, not compressed: then the size is a matter of counting, the browser can show real
progress, and a download that breaks is seen to be broken. Each local header carries size and checksum, which
readers that cannot seek (many in Java) need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from typing import IO, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

Member = tuple[str, datetime, bytes]


class _Window(BytesIO):
    """What of the archive has not been sent yet; positions count from the archive's start."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    def tell(self) -> int:
        return self.sent + super().tell()

    def seek(self, position: int, whence: int = 0, /) -> int:
        return self.sent + super().seek(position - self.sent if whence == 0 else position, whence)

    def drain(self) -> bytes:
        content = self.getvalue()
        self.sent += len(content)
        super().seek(0)
        self.truncate(0)
        return content


def zip_stream(members: Iterable[Member]) -> Iterator[bytes]:
    """The archive of `members` (name, local time, content), one piece per member."""
    window = _Window()
    with ZipFile(cast(IO[bytes], window), "w", ZIP_STORED) as archive:
        for name, at, content in members:
            info = ZipInfo(name, at.timetuple()[:6])
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
            yield window.drain()
    yield window.drain()
