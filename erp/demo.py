"""Demonstration mode: what its processes get instead of a real shop's values, and what it refuses.

Nothing of it is written to `.env`: the generated secrets live in `var/demo.json`, the data in
`var/demo.sqlite3`, so that switching it off leaves a real shop's configuration as it was (contract
section 6).
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from environs import Env

ROOT = Path(__file__).resolve().parent.parent
STATE_NAME = "demo.json"
# What somebody chose stays: settings refuse an address outside this machine.
KEPT = ("KWAI_API_URL", "PUBLIC_URL")


def enter() -> None:
    """With ERP_DEMO on, give this process and what it starts the demonstration's environment.

    Called before settings are read, which look at the environment once.
    """
    env = Env()
    if os.environ.get("ERP_READ_ENV", "1") == "1":
        env.read_env(str(ROOT / ".env"), recurse=False)
    if env.bool("ERP_DEMO", False):
        web_port, sandbox_port = ports()
        values = environment(ROOT / "var", web_port=web_port, sandbox_port=sandbox_port)
        os.environ.update(
            {name: values[name] for name in values if not (name in KEPT and os.environ.get(name))}
        )


def ports() -> tuple[int, int]:
    """Where the ERP and the sandbox listen; other than 8000 and 8100 only for tests."""
    return int(os.environ.get("ERP_PORT", "8000")), int(os.environ.get("SANDBOX_PORT", "8100"))


def secrets_read(var_dir: Path) -> dict[str, str]:
    """The demonstration's password and application secrets, made once and kept readable by the owner only."""
    path = var_dir / STATE_NAME
    if not path.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(_generated(), indent=2))
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
        "PUBLIC_URL": f"http://127.0.0.1:{web_port}",
    }
