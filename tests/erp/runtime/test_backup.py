"""A copy made while orders are written holds all that was committed before, can be put back, and is refused when
it is not what was copied. The same on both databases."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import subprocess
import sys
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.utils import timezone

from erp.accounts.models import Company, Store
from erp.attention.models import Condition
from erp.runtime.backup.archive import MANIFEST
from erp.runtime.backup.refusals import BackupBusy, BackupRefused
from erp.runtime.backup.services import backup_check, backup_make, backup_restore, nightly_is_due
from erp.runtime.tasks import backup_nightly
from erp.sales.models import Buyer, Order
from tests.erp.runtime.test_storage import small_disk

__all__ = ["small_disk"]
# A copy is read by other connections, which see no row of a test's own transaction; it is whole all the same.
pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[3]
LABEL = b"%PDF-1.7 a label"
WRITERS = 4
# A day on which the newest copy of the tests is not.
NOON = datetime(2030, 5, 17, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, settings: Any) -> Path:
    """The folders of a shop with one label."""
    settings.BACKUP_DIR, settings.LABELS_DIR = tmp_path / "backups", tmp_path / "labels"
    settings.BASE_DIR = tmp_path
    settings.LABELS_DIR.mkdir()
    (settings.LABELS_DIR / "one.pdf").write_bytes(LABEL)
    (settings.LABELS_DIR / "two.pdf.part").write_bytes(b"half")
    (tmp_path / ".env").write_text("FIELD_KEYS=of-the-shop\n")
    return tmp_path


@pytest.fixture
def empty_place(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Any]]:
    """From the call on the settings name an empty database and folder of labels; answers a connection there."""
    name = str(tmp_path / "place" / "erp.sqlite3")
    opened = []

    def move() -> Any:
        nonlocal name
        if connection.vendor == "postgresql":
            name = f"test_restored_{os.getpid()}"
            statement(f'CREATE DATABASE "{name}"')
        monkeypatch.setitem(connection.settings_dict, "NAME", name)
        settings.LABELS_DIR = tmp_path / "place" / "labels"
        opened.append(connection.copy())
        return opened[0]

    yield move
    for each in opened:
        each.close()
    monkeypatch.undo()
    if opened and connection.vendor == "postgresql":
        statement(f'DROP DATABASE "{name}" WITH (FORCE)')


def statement(text: str) -> None:
    with closing(connection.copy()) as session, session.cursor() as cursor:
        cursor.execute(text)


def rows(place: Any, question: str) -> list[tuple[Any, ...]]:
    with place.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())


class Writers:
    """Threads that write an order with its buyer in one transaction, and note it once it is committed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.committed: list[int] = []
        self._numbers = count(1)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        self.wait_for(20)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        wanted = len(self.committed) + more
        while len(self.committed) < wanted:
            assert all(thread.is_alive() for thread in self._threads)
            self._stop.wait(0.01)

    def _write(self) -> None:
        try:
            while not self._stop.is_set():
                with transaction.atomic():
                    order = Order.objects.create(
                        company_id=self.store.company_id, store=self.store, number=next(self._numbers),
                        items_total=1, total=1, placed_at=NOON, buyer_note="x" * 2000,
                    )  # fmt: skip
                    Buyer.objects.create(order=order, name="Ana")
                self.committed.append(order.pk)
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_restore_drill_under_load(store: Store, empty_place: Callable[[], Any], settings: Any) -> None:
    with Writers(store) as writers:
        made = []
        for _ in range(3):
            before = set(writers.committed)
            made.append((before, backup_make()))
            backup_check(made[-1][1].archive)
            made[-1][1].archive.rename(archive := settings.BACKUP_DIR / f"copy-{len(made)}.tar.gz")
            made[-1] = (before, archive)
            writers.wait_for(20)
    place = empty_place()
    before, archive = made[-1]
    assert backup_restore(archive) == []
    found = {pk for (pk,) in rows(place, "SELECT id FROM sales_order")}
    assert len(before) >= 60
    assert before <= found <= set(writers.committed)
    # A transaction is there wholly or not at all.
    assert found == {pk for (pk,) in rows(place, "SELECT order_id FROM sales_buyer")}
    assert (settings.LABELS_DIR / "one.pdf").read_bytes() == LABEL
    assert [path.name for path in settings.LABELS_DIR.iterdir()] == ["one.pdf"]


def test_the_words_of_the_commands(
    store: Store, shop: Path, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    call_command("backup")
    (archive,) = settings.BACKUP_DIR.glob("*.gz")
    said = capsys.readouterr().out
    assert str(archive) in said
    assert "etiquetas: 1" in said
    assert "sem as suas FIELD_KEYS" in said
    assert oct(archive.stat().st_mode & 0o777) == "0o600"
    assert oct(settings.BACKUP_DIR.stat().st_mode & 0o777) == "0o700"
    assert "env" not in members(archive)
    call_command("backup_check")
    assert "confere" in capsys.readouterr().out
    with pytest.raises(CommandError, match="Não há arquivo"):
        call_command("restore", str(shop / "nothing.tar.gz"))
    with pytest.raises(CommandError, match="nada foi restaurado"):
        call_command("restore", str(archive))


def test_a_copy_is_put_back_by_another_process(store: Store, shop: Path, tmp_path: Path) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the address of an SQLite file says all")
    archive = backup_make().archive
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'new.sqlite3'}",
        "LABELS_DIR": str(tmp_path / "new-labels"),
        "BACKUP_DIR": str(tmp_path / "new-backups"),
    }
    for said in ("Restaurado: cada tabela e cada arquivo confere", "Já existe um banco em"):
        done = subprocess.run(
            [sys.executable, "manage.py", "restore", str(archive)],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "new-labels" / "one.pdf").read_bytes() == LABEL


def test_the_secrets_by_choice(
    store: Store, shop: Path, empty_place: Callable[[], Any], settings: Any
) -> None:
    archive = backup_make(with_secrets=True).archive
    assert "env" in members(archive)
    empty_place()
    settings.FIELD_KEYS = "t1:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
    secrets, keys = backup_restore(archive)
    assert ".env.restored" in secrets
    assert (shop / ".env.restored").read_text() == "FIELD_KEYS=of-the-shop\n"
    assert "tokens das lojas não podem ser lidos" in keys


def test_no_secrets_to_take(store: Store, shop: Path, settings: Any) -> None:
    (shop / ".env").unlink()
    with pytest.raises(BackupRefused, match=r"não há .*\.env"):
        backup_make(with_secrets=True)
    assert not list(settings.BACKUP_DIR.glob("*.gz"))


def test_labels_that_are_there_are_not_mixed(
    store: Store, empty_place: Callable[[], Any], settings: Any
) -> None:
    archive = backup_make().archive
    place = empty_place()
    settings.LABELS_DIR.mkdir(parents=True)
    (settings.LABELS_DIR / "other.pdf").touch()
    with pytest.raises(BackupRefused, match="Já há etiquetas"):
        backup_restore(archive)
    if connection.vendor == "postgresql":
        assert rows(place, "SELECT 1 FROM pg_class WHERE relname = 'sales_order'") == []
    else:
        assert not Path(connection.settings_dict["NAME"]).exists()


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def rewritten(archive: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda files: files.update({"labels/one.pdf": LABEL + b"!"}), "labels/one.pdf"),
        (lambda files: files.pop("labels/one.pdf"), "labels/one.pdf"),
        (lambda files: files.pop(MANIFEST), "labels/one.pdf"),
        (lambda files: files.update({MANIFEST: b"{}"}), MANIFEST),
        (lambda files: files.update({"labels/more.pdf": b""}), "labels/more.pdf"),
        (lambda files: files.update({"../../escaped": b""}), ""),
    ],
)
def test_what_is_not_what_was_copied_is_named(
    store: Store, shop: Path, change: Callable[[dict[str, bytes]], None], named: str
) -> None:
    archive = backup_make().archive
    files = members(archive)
    change(files)
    rewritten(archive, files)
    with pytest.raises(BackupRefused) as refused:
        backup_check(archive)
    assert f"{archive} está corrompida" in str(refused.value)
    assert named in str(refused.value)
    assert not (shop / "escaped").exists()


def unpacks_the_same(changed: bytes, whole: bytes) -> bool:
    """Some bytes may be others: a name in the header, or where in a row of zeros a repetition is taken from."""
    try:
        return gzip.decompress(changed) == gzip.decompress(whole)
    except (OSError, EOFError, zlib.error):
        return False


def test_a_byte_of_the_archive_that_changed_and_an_end_that_is_missing(store: Store) -> None:
    archive = backup_make().archive
    whole = archive.read_bytes()
    for at in range(0, len(whole), len(whole) // 12):
        changed = whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
        for content in (changed, whole[:at]):
            archive.write_bytes(content)
            if not unpacks_the_same(content, whole):
                with pytest.raises(BackupRefused, match="corrompida"):
                    backup_check(archive)
    archive.write_bytes(whole)
    backup_check(archive)


def test_a_copy_of_a_newer_version_waits_for_it(
    store: Store, empty_place: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = backup_make().archive
    empty_place()
    monkeypatch.setattr("erp.__version__", "0.0.9")
    with pytest.raises(BackupRefused, match="Atualize o ERP"):
        backup_restore(archive)


def test_a_full_disk_leaves_no_half(store: Store, small_disk: Path, settings: Any) -> None:
    settings.BACKUP_DIR = small_disk
    filler = small_disk / "filler"
    free = os.statvfs(small_disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - 65_536)
    with pytest.raises(BackupRefused, match="disco está cheio"):
        backup_make()
    assert {path.name for path in small_disk.iterdir()} == {"filler", ".lock"}
    filler.unlink()
    backup_check(backup_make().archive)


def test_one_at_a_time_and_what_a_killed_one_left_is_removed(store: Store, settings: Any) -> None:
    left = settings.BACKUP_DIR / ".scratch-left"
    left.mkdir(parents=True)
    with (settings.BACKUP_DIR / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BackupBusy):
            backup_make()
        assert left.exists()
    backup_make()
    assert not left.exists()


def test_the_nightly_ones_are_kept_for_a_while_and_a_person_s_stay(store: Store, settings: Any) -> None:
    settings.BACKUP_KEEP = 2
    settings.BACKUP_DIR.mkdir()
    old = [f"erp-nightly-2026010{day}T050000Z.tar.gz" for day in (1, 2, 3)]
    for name in [*old, "erp-20260101T050000Z.tar.gz"]:
        (settings.BACKUP_DIR / name).touch()
    made = backup_make(nightly=True).archive
    left = {path.name for path in settings.BACKUP_DIR.glob("*.gz")}
    assert left == {made.name, old[-1], "erp-20260101T050000Z.tar.gz"}


@pytest.mark.parametrize(
    ("newest", "now", "is_due"),
    [
        ("", "2026-11-28T03:00-03:00", True),
        ("", "2026-11-28T01:59-03:00", False),
        ("erp-nightly-20261127T050000Z.tar.gz", "2026-11-28T02:00-03:00", True),
        ("erp-nightly-20261128T050000Z.tar.gz", "2026-11-28T23:00-03:00", False),
        # Late in the evening of the 27th in São Paulo.
        ("erp-nightly-20261128T013000Z.tar.gz", "2026-11-28T02:00-03:00", True),
        ("erp-20261128T050000Z.tar.gz", "2026-11-28T02:00-03:00", True),
    ],
)
def test_once_a_night(settings: Any, newest: str, now: str, is_due: bool) -> None:
    settings.BACKUP_DIR.mkdir()
    if newest:
        (settings.BACKUP_DIR / newest).touch()
    assert nightly_is_due(datetime.fromisoformat(now)) is is_due


def test_a_night_without_a_copy_stands_above_the_pages_until_there_is_one(
    company: Company, shop: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    settings.BACKUP_DIR = shop / ".env" / "below"
    backup_nightly()
    row = Condition.objects.get(key="runtime.backup_failed", withdrawn_at__isnull=True)
    assert row.company == company
    assert "A cópia não foi feita" in row.text
    settings.BACKUP_DIR = shop / "backups"
    backup_nightly()
    row.refresh_from_db()
    assert row.withdrawn_at is not None
    backup_nightly()
    assert [path.name for path in settings.BACKUP_DIR.glob("*.gz")] == ["erp-nightly-20300517T150000Z.tar.gz"]


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.services
def test_pg_dump_is_missing_or_older_than_the_server(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(BackupRefused, match="pg_dump não foi encontrado: instale"):
        backup_make()
    program(tmp_path / "bin", "pg_dump", 'echo "pg_dump (PostgreSQL) 9.6.24"')
    with pytest.raises(BackupRefused, match="mais antigo que o servidor"):
        backup_make()


@pytest.mark.services
def test_no_password_stands_in_arguments(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = connection.settings_dict["PASSWORD"] or "s3gr3do"
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", password)
    for name in ("pg_dump", "pg_restore"):
        program(tmp_path / "bin", name, f'echo "$@" >>{tmp_path}/said; exec /usr/bin/{name} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    backup_check(backup_make().archive)
    said = (tmp_path / "said").read_text()
    assert "--snapshot=" in said
    assert "--single-transaction" in said
    assert password not in said
