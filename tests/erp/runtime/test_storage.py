"""A full disk and a read-only database, made by the database itself and by a small file system: readiness says
which, every page says what to do, and all goes on once it is mended."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import Error, OperationalError, connection, connections
from django.test import Client

from erp.accounts.models import User
from erp.celery import app
from erp.runtime import storage
from erp.runtime.models import WriteProbe
from erp.runtime.storage import StorageTrouble, storage_trouble, trouble_of

pytestmark = pytest.mark.django_db(transaction=True)

FULL = "O disco do servidor do ERP está cheio"
READ_ONLY = "O banco de dados do ERP está somente para leitura"


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_known", None)
    monkeypatch.setattr(storage, "_looked_at", float("-inf"))
    monkeypatch.setattr(storage, "_logged_at", float("-inf"))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[StorageTrouble | None], None]]:
    """Make every connection refuse to write, with the database's own error, or the disk look full; None mends
    it."""
    kind = type(connections["default"])
    connect = kind.get_new_connection
    least = storage.LEAST_FREE_BYTES
    read_only = {"sqlite": "PRAGMA query_only=1", "postgresql": "SET default_transaction_read_only = on"}
    state: dict[str, StorageTrouble | None] = {}

    def connected(self: Any, parameters: Any) -> Any:
        made = connect(self, parameters)
        if state["now"] is StorageTrouble.READ_ONLY:
            made.execute(read_only[self.vendor])
            made.commit()
        return made

    def become(trouble: StorageTrouble | None) -> None:
        state["now"] = trouble
        is_full = trouble is StorageTrouble.FULL
        monkeypatch.setattr(storage, "LEAST_FREE_BYTES", 2**62 if is_full else least)
        connection.close()
        later(monkeypatch)

    monkeypatch.setattr(kind, "get_new_connection", connected)
    become(None)
    yield become
    # The tables are emptied after this.
    become(None)


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute has passed."""
    monkeypatch.setattr(storage, "_looked_at", float("-inf"))
    cache.clear()


def ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()["checks"]["storage"]


@pytest.mark.parametrize(
    ("trouble", "sentence"), [(StorageTrouble.FULL, FULL), (StorageTrouble.READ_ONLY, READ_ONLY)]
)
def test_it_is_told_by_readiness_and_above_every_page_until_it_is_mended(
    admin: User,
    sign_in: Callable[[User], Client],
    broken: Callable[[StorageTrouble | None], None],
    trouble: StorageTrouble,
    sentence: str,
) -> None:
    client = sign_in(admin)
    assert ready()[0] == 200
    broken(trouble)
    code, check = ready()
    assert (code, check["ok"], check["error"]) == (503, False, trouble.value)
    page = client.get("/pedidos/")
    assert page.status_code == 200
    assert sentence in page.content.decode()
    broken(None)
    assert ready()[0] == 200
    assert sentence not in client.get("/pedidos/").content.decode()


def test_a_database_that_a_full_disk_keeps_shut_is_told_as_a_full_disk(
    admin: User,
    sign_in: Callable[[User], Client],
    broken: Callable[[StorageTrouble | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite cannot make the files beside the database, and calls that a disk I/O error."""
    client = sign_in(admin)
    client.raise_request_exception = False
    broken(StorageTrouble.FULL)

    def shut(*_: Any) -> None:
        cause = sqlite3.OperationalError("disk I/O error")
        cause.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
        raise OperationalError("disk I/O error") from cause

    with monkeypatch.context() as patched:
        patched.setattr(type(connections["default"]), "get_new_connection", shut)
        answer = Client().get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["storage"]["error"] == "disk_full"
        page = client.get("/pedidos/")
        assert page.status_code == 503
        assert FULL in page.content.decode()


def test_the_row_is_written_once_a_minute_and_not_per_request(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ready()[0] == 200
    first = WriteProbe.objects.get()
    for _ in range(3):
        assert ready()[0] == 200
    assert WriteProbe.objects.get().written_at == first.written_at
    later(monkeypatch)
    assert ready()[0] == 200
    assert WriteProbe.objects.get().written_at > first.written_at


def test_a_click_that_could_not_be_written_is_told_why(
    admin: User, sign_in: Callable[[User], Client], broken: Callable[[StorageTrouble | None], None]
) -> None:
    client = sign_in(admin)
    client.raise_request_exception = False
    broken(StorageTrouble.READ_ONLY)
    answer = client.post("/visoes/", {"list": "sales:orders", "query": "", "name": "minha"})
    page = answer.content.decode()
    assert answer.status_code == 503, page
    assert READ_ONLY in page
    assert READ_ONLY in client.get("/pedidos/").content.decode()


def test_a_task_that_could_not_write_says_so_once_and_ends_no_worker(
    store: Any,
    broken: Callable[[StorageTrouble | None], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken(StorageTrouble.READ_ONLY)

    @app.task(name="tests.write")
    def write() -> None:
        WriteProbe.objects.create(written_at="2026-11-28T12:00:00Z")

    write()
    write()
    said = [record.getMessage() for record in caplog.records if record.name == "erp.runtime.storage"]
    assert [READ_ONLY in line for line in said] == [True]


def test_another_fault_of_a_task_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    @app.task(name="tests.fail")
    def fail() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")

    with pytest.raises(Error):
        fail()


def test_sqlite_without_room_for_another_page() -> None:
    with sqlite3.connect(":memory:") as made:
        made.execute("CREATE TABLE t (x)")
        made.execute("PRAGMA max_page_count=1")
        with pytest.raises(sqlite3.Error) as caught:
            made.execute("INSERT INTO t VALUES (zeroblob(100000))")
    error = Error()
    error.__cause__ = caught.value
    assert trouble_of(error) is StorageTrouble.FULL


class PgError(Exception):
    """As psycopg's errors carry it."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("state", "trouble"),
    [("53100", StorageTrouble.FULL), ("25006", StorageTrouble.READ_ONLY), ("23505", None)],
)
def test_the_codes_of_postgresql(state: str, trouble: StorageTrouble | None) -> None:
    error = Error()
    error.__cause__ = PgError(state)
    assert trouble_of(error) is trouble


@pytest.mark.parametrize(
    ("number", "trouble"),
    [(errno.ENOSPC, StorageTrouble.FULL), (errno.EROFS, StorageTrouble.READ_ONLY), (errno.EPERM, None)],
)
def test_the_codes_of_the_system(number: int, trouble: StorageTrouble | None) -> None:
    assert trouble_of(OSError(number, "")) is trouble


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        pytest.skip("mount não encontrado")
    if done.returncode:
        pytest.skip("este usuário não pode montar um disco pequeno")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_up_is_seen_at_the_next_look(small_disk: Path, settings: Any) -> None:
    settings.LABELS_DIR = small_disk
    assert storage_trouble() is None
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 20 * 1024 * 1024)
    assert storage_trouble() is StorageTrouble.FULL
    filler.unlink()
    assert storage_trouble() is None
