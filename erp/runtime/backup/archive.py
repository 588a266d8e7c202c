"""The archive: a gzipped tar whose last member, the manifest, says what the others must be.

Last, so that an archive that was cut off anywhere has none.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from erp.runtime.backup.refusals import BackupRefused

MANIFEST = "manifest.json"
LABELS = "labels"
# What is compressed already is most of it.
LEVEL = 1
CHUNK = 1024 * 1024
# A name that leads nowhere but below the folder it is unpacked to.
MEMBER = re.compile(rf"(?:{LABELS}/)?\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Manifest:
    """`made_at` in UTC; `vendor` Django's name of the database; `tables` rows by table as copied; `files`
    SHA-256 by member; `field_keys` what tells the keys of FIELD_KEYS apart and opens nothing."""

    version: str
    made_at: str
    vendor: str
    tables: dict[str, int]
    files: dict[str, str]
    field_keys: list[str]


class ArchiveWriter:
    """Adds files to an archive and remembers what they were."""

    def __init__(self, target: Path) -> None:
        target.touch(mode=0o600)
        self._target = target
        self._tar = tarfile.open(target, "w:gz", compresslevel=LEVEL)  # noqa: SIM115 - see close
        self.files: dict[str, str] = {}

    def add(self, name: str, path: Path) -> None:
        """Raises OSError."""
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
            self._add(name, source, os.fstat(source.fileno()).st_size)
        self.files[name] = digest

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest; on the disk when it returns."""
        content = json.dumps(asdict(manifest), indent=1).encode()
        self._add(MANIFEST, io.BytesIO(content), len(content))
        self._tar.close()
        with self._target.open("rb") as written:
            os.fsync(written.fileno())

    def close(self) -> None:
        """What was not finished has no manifest, and is no archive."""
        self._tar.close()

    def _add(self, name: str, source: BinaryIO, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        source.seek(0)
        self._tar.addfile(info, source)


def unpack(archive: Path, folder: Path) -> Manifest:
    """Unpack into the empty `folder` and compare every file with the manifest. Raises BackupRefused, with the
    name of the file that is not what was copied, and OSError."""
    found: dict[str, str] = {}
    try:
        for info, stream in _members(archive):
            found[info.name] = ""
            found[info.name] = _written(stream, folder / info.name)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error):
        raise _damaged(archive, next(reversed(found), "")) from None
    digest = found.pop(MANIFEST, None)
    if digest is None:
        raise _damaged(archive, next(reversed(found), ""))
    manifest = _manifest(archive, folder / MANIFEST)
    wrong = [name for name in {**manifest.files, **found} if manifest.files.get(name) != found.get(name)]
    if wrong:
        raise _damaged(archive, wrong[0])
    return manifest


def _members(archive: Path) -> Iterator[tuple[tarfile.TarInfo, BinaryIO]]:
    with gzip.open(archive) as stream:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            for info in tar:
                content = tar.extractfile(info) if info.isfile() and MEMBER.fullmatch(info.name) else None
                if content is None:
                    raise tarfile.TarError
                yield info, content  # type: ignore[misc] # typed as what it wraps
        # The checksum of gzip stands behind the last byte.
        while stream.read(CHUNK):
            pass


def _written(source: BinaryIO, target: Path) -> str:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    target.touch(mode=0o600, exist_ok=False)
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _manifest(archive: Path, path: Path) -> Manifest:
    try:
        return Manifest(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError):
        raise _damaged(archive, MANIFEST) from None


def _damaged(archive: Path, name: str) -> BackupRefused:
    return BackupRefused(
        f"A cópia {archive} está corrompida{f' em {name}' if name else ''} e não foi usada: use outra cópia, "
        "e confira o disco em que esta estava."
    )
