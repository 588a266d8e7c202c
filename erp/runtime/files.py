"""Files that hold buyers' names, secrets and notes belong to the ERP's user alone."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

# For whatever creates such files: 0700 and 0600.
PRIVATE_UMASK = 0o077
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def modes_close(roots: Iterable[Path]) -> int:
    """Take away what others may do with these files and folders and all below them; how many were open.

    Symbolic links below are neither followed nor changed. What belongs to another user stays as it is.
    """
    return sum(_close(path) for root in roots for path in _below(root.resolve()))


def _below(root: Path) -> Iterator[Path]:
    if not root.exists():
        return
    yield root
    for folder, folders, files in os.walk(root):
        yield from (Path(folder, name) for name in (*folders, *files))


def _close(path: Path) -> bool:
    # A worker that is still ending may take its file away meanwhile.
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & FOR_OTHERS:
            path.chmod(stat.S_IMODE(mode) & ~FOR_OTHERS)
            return True
    return False


def text_replace(path: Path, text: str) -> None:
    """Write a private file whole or not at all: what is there stays when the disk is full. Raises OSError."""
    path = path.resolve()
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        draft.touch(mode=0o600)
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
