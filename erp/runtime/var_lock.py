"""One ERP at a time in a folder of data: a lock on a file that ends with the processes that hold it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

NAME = "up.lock"
# Children of a supervisor that was killed end within five seconds.
PATIENCE_SECONDS = 10.0


class VarTaken(Exception):
    """Another ERP works in this folder; the text is the sentence for the terminal."""


def var_lock(folder: Path, say: Callable[[str], None]) -> int:
    """A descriptor that holds the lock, for the supervisor and, as it is inherited, each of its children.

    Waits for the children of a supervisor that was killed. Raises VarTaken beside one that lives, and OSError
    where the file cannot be made.
    """
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    ends = time.monotonic() + PATIENCE_SECONDS
    waiting = False
    while not _locked(descriptor):
        holder = _holder(descriptor)
        if _lives(holder) or time.monotonic() > ends:
            os.close(descriptor)
            raise VarTaken(
                f"Outro ERP já trabalha em {folder} (processo {holder}): encerre-o com Ctrl-C e tente de "
                "novo."
            )
        if not waiting:
            say("Esperando que os processos do ERP anterior terminem...")
            waiting = True
        time.sleep(0.1)
    # A full disk takes no number; the lock holds without it.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()


def _lives(number: str) -> bool:
    """Whether a supervisor of this number runs; one that was killed may not have been waited for yet."""
    try:
        status = Path(f"/proc/{int(number)}/stat").read_text()
    except (OSError, ValueError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
