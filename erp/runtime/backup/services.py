"""Making a copy, putting it back into an empty place, and finding out whether it could be."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connection
from django.utils import timezone

import erp
from erp.runtime.backup.archive import LABELS, MEMBER, ArchiveWriter, Manifest, unpack
from erp.runtime.backup.postgres import PostgresCopies
from erp.runtime.backup.refusals import BackupBusy, BackupRefused, disk_told
from erp.runtime.backup.sqlite import SqliteCopies

# The secrets in an archive, and where they are put: the `.env` that is there may be the right one.
ENV, ENV_RESTORED = "env", ".env.restored"
STAMP = "%Y%m%dT%H%M%SZ"
ANY, NIGHTLY = "erp-*.tar.gz", "erp-nightly-*.tar.gz"
SCRATCH = ".scratch-"
# In local time: a shop that is switched off at night gets its copy when it is on again.
NIGHT_HOUR = 2


class DatabaseCopies(Protocol):
    """One kind of database. `tables` are rows by table; each method raises BackupRefused, sqlite3.Error or
    OSError."""

    member: str

    def dump(self, target: Path) -> dict[str, int]: ...
    def require_empty(self) -> None: ...
    def load(self, file: Path, tables: Mapping[str, int]) -> None: ...
    def check(self, file: Path, tables: Mapping[str, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class MadeBackup:
    archive: Path
    manifest: Manifest


def backup_make(*, with_secrets: bool = False, nightly: bool = False) -> MadeBackup:
    """Copy what was committed when this began, and perhaps some of what was committed since, while the ERP
    works. There is a whole archive afterwards or none. Raises BackupRefused."""
    kind = "nightly-" if nightly else ""
    made_at = timezone.now().astimezone(UTC)
    target = _folder() / f"erp-{kind}{made_at.strftime(STAMP)}.tar.gz"
    with disk_told("A cópia não foi feita"), _scratch() as scratch:
        draft = scratch / target.name
        with closing(ArchiveWriter(draft)) as writer:
            manifest = _filled(writer, scratch, made_at, with_secrets=with_secrets)
            writer.finish(manifest)
        draft.rename(target)
        if nightly:
            for old in sorted(_folder().glob(NIGHTLY))[: -settings.BACKUP_KEEP]:
                old.unlink()
    return MadeBackup(target, manifest)


def nightly_is_due(now: datetime) -> bool:
    """True from two in the morning until there is a copy of that day."""
    local = timezone.localtime(now)
    newest = max((path.name for path in _folder().glob(NIGHTLY)), default="")
    found = re.search(r"\d{8}T\d{6}Z", newest)
    last = datetime.strptime(found[0], STAMP).replace(tzinfo=UTC) if found else None
    return local.hour >= NIGHT_HOUR and (last is None or timezone.localtime(last).date() < local.date())


def backup_restore(archive: Path) -> list[str]:
    """Put the copy where the settings say the data belong; what to know about it, in Portuguese. Raises
    BackupRefused where anything is there already; a damaged copy is refused before anything is touched."""
    with disk_told("Nada foi restaurado"), _scratch() as scratch:
        database = _database()
        _require_file(archive)
        database.require_empty()
        _labels_require_empty()
        manifest = unpack(archive, scratch)
        _require_fitting(manifest)
        database.load(scratch / database.member, manifest.tables)
        labels = Path(settings.LABELS_DIR)
        labels.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in _files(scratch / LABELS):
            shutil.move(path, labels / path.name)
        return list(_notes(manifest, scratch))


def backup_check(archive: Path | None = None) -> MadeBackup:
    """Restore the copy, the newest without one, into a scratch place and compare it with what it says it
    holds. Raises BackupRefused."""
    if archive is None:
        archive = max(_folder().glob(ANY), key=lambda path: path.stat().st_mtime, default=None)
        if archive is None:
            raise BackupRefused(f"Não há cópia em {_folder()}: execute `make backup`.")
    with disk_told("A cópia não foi conferida"), _scratch() as scratch:
        _require_file(archive)
        manifest = unpack(archive, scratch)
        database = _database()
        _require_vendor(manifest)
        database.check(scratch / database.member, manifest.tables)
    return MadeBackup(archive, manifest)


def _filled(writer: ArchiveWriter, scratch: Path, made_at: datetime, *, with_secrets: bool) -> Manifest:
    database = _database()
    dump = scratch / database.member
    tables = database.dump(dump)
    writer.add(database.member, dump)
    # After the database: each label it names was written before its row, and may only have been erased since.
    for path in _files(Path(settings.LABELS_DIR)):
        with suppress(FileNotFoundError):
            writer.add(f"{LABELS}/{path.name}", path)
    if with_secrets:
        if not _env_file().exists():
            raise BackupRefused(
                f"A cópia não foi feita: não há {_env_file()}. Execute sem --with-secrets e guarde à parte o "
                ".env de onde ele estiver."
            )
        writer.add(ENV, _env_file())
    return Manifest(
        version=erp.__version__,
        made_at=made_at.isoformat(timespec="seconds"),
        vendor=connection.vendor,
        tables=tables,
        files=writer.files,
        field_keys=_key_marks(),
    )


def _require_file(archive: Path) -> None:
    if not archive.is_file():
        raise BackupRefused(f"Não há arquivo {archive}: escreva o caminho de uma cópia, erp-….tar.gz.")


def _require_fitting(manifest: Manifest) -> None:
    _require_vendor(manifest)
    if _numbers(manifest.version) > _numbers(erp.__version__):
        raise BackupRefused(
            f"Nada foi restaurado: a cópia é da versão {manifest.version} e este ERP é {erp.__version__}. "
            "Atualize o ERP e restaure de novo."
        )


def _require_vendor(manifest: Manifest) -> None:
    if manifest.vendor != connection.vendor:
        raise BackupRefused(
            f"A cópia é de um banco {manifest.vendor} e DATABASE_URL leva a um {connection.vendor}: corrija "
            "DATABASE_URL."
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _labels_require_empty() -> None:
    labels = Path(settings.LABELS_DIR)
    if labels.is_dir() and any(labels.iterdir()):
        raise BackupRefused(
            f"Já há etiquetas em {labels}, e nada foi restaurado: guarde-as em outra pasta, ou escreva "
            "outra em LABELS_DIR."
        )


def _notes(manifest: Manifest, scratch: Path) -> Iterator[str]:
    if (scratch / ENV).exists():
        place = _env_file().with_name(ENV_RESTORED)
        shutil.move(scratch / ENV, place)
        yield f"O .env da cópia está em {place}: se este lugar ainda não tem o seu, renomeie-o para .env."
    if not set(manifest.field_keys) & set(_key_marks()):
        yield (
            "As chaves FIELD_KEYS deste .env não são as da cópia, e os tokens das lojas não podem ser lidos: "
            "ponha aqui o .env guardado, ou conecte cada loja de novo."
        )


def _key_marks() -> list[str]:
    """One for each key of FIELD_KEYS. A key is 32 random bytes: nobody finds it by its hash."""
    keys = [key.strip() for key in settings.FIELD_KEYS.split(",") if key.strip()]
    return [hashlib.sha256(key.encode()).hexdigest()[:16] for key in keys]


def _database() -> DatabaseCopies:
    return PostgresCopies() if connection.vendor == "postgresql" else SqliteCopies()


def _files(folder: Path) -> list[Path]:
    """The whole files of a folder; one whose writing goes on ends in `.part`."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if MEMBER.fullmatch(path.name) and path.suffix != ".part")


def _env_file() -> Path:
    return Path(settings.BASE_DIR) / ".env"


def _folder() -> Path:
    return Path(settings.BACKUP_DIR)


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for halves, gone afterwards however it ends. One at a time, also where several containers
    share the place, so that what one that was killed left can be removed. Raises BackupBusy."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A folder on another machine's disk may belong to somebody else.
    with suppress(PermissionError):
        folder.chmod(0o700)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupBusy from None
        for left in folder.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as name:
            yield Path(name)
    finally:
        os.close(lock)
