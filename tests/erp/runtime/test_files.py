"""Private files: what is open to others is closed, what is written is there whole or as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from erp.runtime.files import modes_close, text_replace


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o777


def test_everything_below_is_closed_and_counted_once(tmp_path: Path) -> None:
    var = tmp_path / "var"
    (var / "broker").mkdir(parents=True)
    for path, bits in ((var, 0o755), (var / "broker", 0o777)):
        path.chmod(bits)
    (var / "erp.sqlite3").touch()
    (var / "erp.sqlite3").chmod(0o644)
    (var / "run.sh").touch(mode=0o700)
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o644)
    (var / "link").symlink_to(outside)
    assert modes_close([var, tmp_path / "missing"]) == 3
    assert [mode(path) for path in (var, var / "broker")] == [0o700, 0o700]
    assert [mode(path) for path in (var / "erp.sqlite3", var / "run.sh", outside)] == [0o600, 0o700, 0o644]
    assert modes_close([var]) == 0


def test_a_text_that_does_not_fit_leaves_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    text_replace(path, "FIELD_KEYS=k1")
    assert mode(path) == 0o600

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        text_replace(path, "FIELD_KEYS=k1,k2")
    assert path.read_text() == "FIELD_KEYS=k1"
    assert list(tmp_path.iterdir()) == [path]


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    text_replace(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
