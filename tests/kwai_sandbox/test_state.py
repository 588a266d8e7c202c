"""The state's edition mark, and a file that another edition wrote."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kwai_sandbox.state import OtherEdition, State, edition_of

OLD = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE orders (order_id TEXT PRIMARY KEY, detail TEXT NOT NULL);
INSERT INTO meta VALUES ('credentials', '{"app_key": "ks7old", "app_secret": "a", "sign_secret": "b", "message_key": "AA=="}');
INSERT INTO meta VALUES ('next_order', '500');
INSERT INTO meta VALUES ('settings', '{"perStoreRate": 7}');
INSERT INTO orders VALUES ('1', '{}');
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "state.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
    connection.close()
    return path


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kwai_sandbox", "--port", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_mark_is_read_with_the_standard_library_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "state.sqlite3"
    State(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'edition'").fetchone() == ("2",)
    connection.close()
    assert edition_of(path) == 2


def test_the_mark_outlives_clearing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    state = State(path)
    state.clear()
    state.close()
    assert edition_of(path) == 2
    State(path).close()


@pytest.mark.parametrize("content", [None, b""])
def test_a_new_file_has_no_edition(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.sqlite3"
    if content is not None:
        path.write_bytes(content)
    assert edition_of(path) is None


def test_an_older_state_is_refused_and_left_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    assert edition_of(old) == 1
    with pytest.raises(OtherEdition, match="edição 1"):
        State(old)
    assert old.read_bytes() == before


def test_an_older_state_is_renewed_but_for_credentials_and_counters(old: Path) -> None:
    state = State(old, renew=True)
    assert state.count("SELECT count(*) FROM orders") == 0
    assert state.meta("credentials")["app_key"] == "ks7old"
    assert state.meta("settings") is None
    assert state.next_ids("order") == range(500, 501)
    state.close()
    assert edition_of(old) == 2


def test_the_start_ends_in_one_sentence(old: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"no database at all" * 100)
    for path, word in ((old, "edição 1"), (other, "não é um estado")):
        done = run("--state", str(path))
        assert done.returncode == 3
        (sentence,) = done.stderr.splitlines()
        assert word in sentence
        assert "em outro lugar" in sentence
        assert ("--reset" in sentence) is (path == old)


def test_the_start_with_reset_begins_anew(old: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        done = run("--state", str(old), "--reset", "--port", str(holder.getsockname()[1]))
    assert (done.returncode, edition_of(old)) == (1, 2)
