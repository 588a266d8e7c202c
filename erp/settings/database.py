"""The database: SQLite in `var/`, or PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dj_database_url

from erp.settings import environment
from erp.settings.environment import ROOT, fitting_url, is_writable, shared_env

env = shared_env()
VAR_DIR = ROOT / "var"

_SQLITE, _POSTGRES = "django.db.backends.sqlite3", "django.db.backends.postgresql"
_MEMORY = ":memory:"
# PostgreSQL cuts longer names, Django refuses them.
_NAME_LENGTH = 63

# IMMEDIATE is what keeps SQLite writers from failing with "database is locked": the upgrade from
# read to write inside a transaction fails at once, whatever the timeout.
_SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA busy_timeout=20000;"
        "PRAGMA foreign_keys=ON;PRAGMA journal_size_limit=27103364;"
    ),
}
# A database that does not answer is an error page, not a page that hangs: at the start, and when the
# way to it is cut while a connection is open (idle after a minute, waiting after 20 s).
_POSTGRES_OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    # Compiling a statement takes longer than any of ours runs: the counts of a list alone 0.3 s each time.
    "options": "-c jit=off",
}
# A folder in the place of the server is where PostgreSQL's socket lies.
_SOCKET = r"(?:[^\s/?#@\[\]]+@)?(?:%2F[^\s/?#@:]*)?"
_POSTGRES_URL = rf"postgres(?:ql)?://(?:{environment.SERVER_LOGIN}|{_SOCKET})/[^\s/?#]+(?:\?[^\s#]*)?"
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _configured() -> dict[str, Any]:
    said = (
        "não é um endereço de PostgreSQL (sslmode, sslrootcert, sslcert, sslkey, connect_timeout e "
        "application_name são as opções) nem de SQLite: escreva, por exemplo, "
        "`DATABASE_URL=postgres://usuario:senha@servidor:5432/erp`, com %40 no lugar de @ na senha"
    )
    default: dict[str, Any] = {"ENGINE": _SQLITE, "NAME": str(VAR_DIR / "erp.sqlite3")}
    config = env.value("DATABASE_URL", default, _parsed, said)
    if config["ENGINE"] == _POSTGRES:
        options = _POSTGRES_OPTIONS | config.get("OPTIONS", {})
        return config | {"OPTIONS": options, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    if config["NAME"] != _MEMORY:
        config["NAME"] = str(ROOT / config["NAME"])
        _file_check(Path(config["NAME"]))
    return config | {"ENGINE": "erp.runtime.sqlite", "OPTIONS": _SQLITE_OPTIONS}


def _parsed(text: str) -> dict[str, Any]:
    """Django's way to say where the database is. Raises ValueError."""
    config: dict[str, Any] = dict(dj_database_url.parse(text))
    if config["ENGINE"] == _POSTGRES:
        fitting_url(_POSTGRES_URL, text)
        fits = all(_option_fits(name, str(value)) for name, value in config.get("OPTIONS", {}).items())
        fits = fits and len(config["NAME"]) <= _NAME_LENGTH
    else:
        # With two slashes instead of three the first folder would be read as a server, and without a name
        # every connection would have an empty database of its own.
        named = config["NAME"] != _MEMORY or text.endswith(_MEMORY)
        fits = config["ENGINE"] == _SQLITE and named and not config.get("HOST") and not config.get("OPTIONS")
    parts = ("NAME", "USER", "PASSWORD", "HOST")
    if not fits or not all(config.get(part, "").isprintable() for part in parts):
        raise ValueError
    return config


def _option_fits(name: str, value: str) -> bool:
    """Whether the driver takes this option: it would refuse another at the first page."""
    if name == "sslmode":
        return value in _SSL_MODES
    if name in ("sslrootcert", "sslcert", "sslkey"):
        return Path(value).is_file()
    if name == "connect_timeout":
        return value.isdigit() and 2 <= int(value) <= 60
    return name == "application_name"


def _file_check(path: Path) -> None:
    """Refuse a file that SQLite neither opens nor creates. It makes no folder; `make run` makes `var/`."""
    folder = path.parent
    fits = is_writable(folder) and (folder.is_dir() or folder == VAR_DIR)
    if fits and os.access(path, os.F_OK):
        fits = path.is_file() and os.access(path, os.R_OK | os.W_OK) and _is_sqlite(path)
    if not fits:
        env.refuse(
            "DATABASE_URL",
            "leva a um arquivo que o usuário deste processo não abre nem cria como banco SQLite: crie a "
            "pasta e corrija as permissões, ou escreva outro endereço",
        )


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) in (b"", b"SQLite format 3\0")


DATABASES = {"default": _configured()}
