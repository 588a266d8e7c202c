"""Where every name of `.env.example` is read: the environment, then `.env` beside `manage.py`."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from environs import Env

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def shared_env() -> Env:
    """The one reader of all settings modules: an `Env` of their own would not know the file.

    Values of the environment win over those of the file, which `ERP_READ_ENV=0` leaves unread. Read at the
    first call, so that what starts the process may still say so.
    """
    env = Env()
    if os.environ.get("ERP_READ_ENV", "1") == "1":
        env.read_env(str(ROOT / ".env"), recurse=False)
    return env
