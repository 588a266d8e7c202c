"""Runs a module as `python -m` does, and ends it, whatever it is at, when its supervisor is gone.

    python erp/runtime/tether.py MODULE ARGUMENTS…

Standard input is a pipe that the supervisor alone holds open: its end is the supervisor's, however it died.
Started by its path and not as `erp.runtime.tether`, because the package `erp` brings Celery with it and the
simulated Kwai needs neither.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
from pathlib import Path

# For what is under way; rows hold whatever is cut off after it.
GRACE_SECONDS = 3.0


def main() -> None:
    # Started by hand it shares the group of a shell, which is nobody's to end.
    if os.getpgrp() == os.getpid():
        threading.Thread(target=_hold, name="tether", daemon=True).start()
    del sys.argv[0]
    # As `python -m` has it; the folder of this file holds names of other packages.
    sys.path[0] = str(Path.cwd())
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _hold() -> None:
    while os.read(0, 1024):
        pass
    # Of the group that the supervisor made for this process, and everything it started with it: while this
    # one is in it, no other group can have its number.
    command = f"sleep {GRACE_SECONDS}; kill -KILL -{os.getpgrp()}"
    subprocess.Popen(["/bin/sh", "-c", command])  # noqa: S603 - its own words
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
