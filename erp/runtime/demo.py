"""Demonstration mode: what its processes get instead of a real shop's values, and what it refuses.

Nothing of it is written to `.env`: the generated secrets live in `var/demo.json`, the data in
`var/demo.sqlite3`, so that switching it off leaves a real shop's configuration as it was (contract
section 6).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import sqlite3
from datetime import date
from pathlib import Path

from erp.runtime.files import text_replace

ROOT = Path(__file__).resolve().parents[2]
STATE_NAME = "demo.json"
FORMER_DATABASE = (
    "SELECT 1 FROM django_migrations WHERE app = 'kwai_integration' AND name = '0008_edition_two'"
)
FORMER_SANDBOX = "SELECT 1 FROM meta WHERE key = 'edition'"
# What somebody chose stays, and the simulated Kwai, which reads no `.env`, is told of it: settings refuse an
# address outside this machine, and both sides sign alike.
KEPT = ("KWAI_API_URL", "PUBLIC_URL", "KWAI_SIGN_HOST", "KWAI_SIGN_ACCESS_TOKEN")


def enter() -> None:
    """With ERP_DEMO on, give this process and what it starts the demonstration's environment.

    Called before settings are read, which look at the environment once.
    """
    from erp.settings import mode

    if not mode.ERP_DEMO:
        return
    chosen = {name: os.environ.get(name, "") for name in KEPT}
    try:
        values = environment(ROOT / "var", web_port=mode.ERP_PORT, sandbox_port=mode.SANDBOX_PORT)
    except (OSError, ValueError):
        mode.env.refuse(
            "ERP_DEMO",
            f"guarda senhas em {ROOT / 'var' / STATE_NAME}, que não pode ser lido nem gravado: confira as "
            "permissões e o espaço em disco, ou apague esse arquivo para que outro seja gerado",
        )
        return
    os.environ.update(values | {name: value for name, value in chosen.items() if value})


def former_set_aside(var_dir: Path, today: date) -> str:
    """Move a demonstration of the first edition of Kwai's codes, data and simulated Kwai together, into a
    folder with today's date; the sentence for the terminal, empty when there is none. A real shop's database
    has another name and is never touched.
    """
    database, sandbox = var_dir / "demo.sqlite3", var_dir / "sandbox.sqlite3"
    if not (_is_former(database, FORMER_DATABASE) or _is_former(sandbox, FORMER_SANDBOX)):
        return ""
    folder = var_dir / f"demo-{today:%Y-%m-%d}"
    number = 2
    while folder.exists():
        folder, number = var_dir / f"demo-{today:%Y-%m-%d}-{number}", number + 1
    folder.mkdir(mode=0o700, parents=True)
    for path in (database, sandbox):
        for part in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
            if part.exists():
                part.rename(folder / part.name)
    return (
        f"A demonstração anterior, de códigos antigos do Kwai, foi guardada em {folder}; esta começa do zero."
    )


def _is_former(path: Path, question: str) -> bool:
    """Whether an SQLite file exists and has no row for `question`, which the second edition leaves in it."""
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute(question).fetchone() is None
        except sqlite3.Error:
            return False


def secrets_read(var_dir: Path) -> dict[str, str]:
    """The demonstration's password and application secrets, made once and kept readable by the owner only."""
    path = var_dir / STATE_NAME
    if not path.exists():
        var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        text_replace(path, json.dumps(_generated(), indent=2))
    return dict(json.loads(path.read_text()))


def _generated() -> dict[str, str]:
    return {
        "password": secrets.token_urlsafe(9),
        "KWAI_APP_KEY": f"ks{secrets.randbelow(10**18):018d}",
        "KWAI_APP_SECRET": secrets.token_urlsafe(24),
        "KWAI_SIGN_SECRET": secrets.token_urlsafe(24),
        "KWAI_MESSAGE_KEY": base64.b64encode(secrets.token_bytes(16)).decode(),
    }


def environment(var_dir: Path, *, web_port: int, sandbox_port: int) -> dict[str, str]:
    """What every process of the demonstration gets: the sandbox's addresses and secrets, its own data."""
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    own = {name: value for name, value in secrets_read(var_dir).items() if name.startswith("KWAI_")}
    return own | {
        "KWAI_API_URL": sandbox,
        "KWAI_CONSENT_URL": f"{sandbox}/shop/b/authorize",
        "DATABASE_URL": f"sqlite:///{var_dir / 'demo.sqlite3'}",
        "BROKER_DIR": str(var_dir / "demo-broker"),
        # A real shop's workers listen there.
        "REDIS_URL": "",
        "PUBLIC_URL": f"http://127.0.0.1:{web_port}",
    }
