"""What every command needs before it can start: the virtual environment, the locked packages and `.env`.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
VAR = ROOT / "var"
ENV_FILE = ROOT / ".env"
ENV_HEADER = "# Configuração deste ERP; cada nome está em .env.example.\n"
SETUP_LOG = VAR / "log" / "setup.log"

RUN_LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
UV_LOCK = "requirements-uv.lock"
# The development lock is compiled with the other as its constraint, so installing it satisfies both.
SATISFIES = {RUN_LOCK: (RUN_LOCK,), DEV_LOCK: (DEV_LOCK, RUN_LOCK)}

NO_INDEX = re.compile(
    r"error sending request|failed to fetch|dns error|connection (refused|reset)|could not connect|timed out"
    r"|temporary failure in name resolution|newconnectionerror|proxyerror|no matching distribution"
    r"|network is unreachable|no route to host",
    re.IGNORECASE,
)


class SetupError(Exception):
    """The start cannot go on; the text is the one sentence the person reads."""


def prepare(lock: str = RUN_LOCK) -> None:
    """Make `.venv` hold exactly what `lock` pins and `.env` hold its secrets; quick when nothing changed."""
    packages_install(lock)
    env_file_complete()


def _check_writable() -> None:
    if not os.access(ROOT, os.W_OK | os.X_OK):
        raise SetupError(
            f"Sem permissão para gravar em {ROOT}: execute com o usuário dono da pasta ou copie o projeto "
            "para uma pasta sua."
        )


def packages_install(lock: str) -> None:
    _check_writable()
    wanted = _digest(lock)
    if _installed().get(lock) == wanted and PYTHON.exists():
        return
    print(f"Instalando os pacotes de {lock} (na primeira vez pode levar um minuto)...", flush=True)
    SETUP_LOG.parent.mkdir(parents=True, exist_ok=True)
    _venv_create()
    if not (_uv_install() and _run(_uv_command(lock), extra=_uv_index())):
        _pip_install(lock)
    _stamp().write_text(json.dumps(_installed() | {name: _digest(name) for name in SATISFIES[lock]}))


def _digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def _stamp() -> Path:
    return VENV / "installed.json"


def _installed() -> dict[str, str]:
    try:
        return dict(json.loads(_stamp().read_text()))
    except (OSError, ValueError):
        return {}


def _venv_create() -> None:
    clear = [] if PYTHON.exists() else ["--clear"]
    if not _run([sys.executable, "-m", "venv", *clear, str(VENV)]):
        raise SetupError(
            f"Não foi possível criar {VENV}: instale o módulo venv do Python (no Debian ou Ubuntu: "
            f"apt-get install python3-venv) e execute de novo. Detalhes em {SETUP_LOG}."
        )


def _uv_install() -> bool:
    return (VENV / "bin" / "uv").exists() or _run(_pip_command(UV_LOCK))


def _uv_command(lock: str) -> list[str]:
    uv = str(VENV / "bin" / "uv")
    return [uv, "pip", "install", "--python", str(PYTHON), "--require-hashes", "-r", str(ROOT / lock)]


def _uv_index() -> dict[str, str]:
    """uv does not read pip's variable: who set it for pip means it for both."""
    index = os.environ.get("PIP_INDEX_URL", "")
    return {"UV_DEFAULT_INDEX": index} if index else {}


def _pip_command(lock: str) -> list[str]:
    options = ["--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "15"]
    return [str(PYTHON), "-m", "pip", "install", *options, "--require-hashes", "-r", str(ROOT / lock)]


def _pip_install(lock: str) -> None:
    if _run(_pip_command(lock)):
        return
    if NO_INDEX.search(_log_tail()):
        raise SetupError(
            "Nenhum índice de pacotes Python respondeu: verifique a internet, o proxy ou PIP_INDEX_URL e "
            f"execute de novo. Detalhes em {SETUP_LOG}."
        )
    raise SetupError(f"A instalação dos pacotes de {lock} falhou: veja o motivo no fim de {SETUP_LOG}.")


def _log_tail() -> str:
    return SETUP_LOG.read_text(errors="replace")[-20_000:]


def _run(command: list[str], extra: dict[str, str] | None = None) -> bool:
    """Run quietly; what the tool said goes to the setup log. True when it succeeded."""
    with SETUP_LOG.open("a") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        environment = os.environ | (extra or {})
        return subprocess.call(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=environment) == 0


def env_file_complete() -> None:
    """Add generated secrets that `.env` lacks; a value that is there is never changed."""
    new = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_KEYS": "k1:" + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    env_file_add(new)


def env_file_add(values: dict[str, str]) -> None:
    text = _env_text()
    missing = {name: value for name, value in values.items() if name not in env_names(text)}
    if not missing:
        return
    lines = "".join(f"{name}={value}\n" for name, value in missing.items())
    _env_write(text.rstrip("\n") + "\n" + lines)


def _env_write(text: str) -> None:
    """Whole or not at all: on a full disk the keys that are there stay."""
    path = ENV_FILE.resolve()
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        draft.touch(mode=0o600)
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as error:
        raise SetupError(
            f"{ENV_FILE} não pôde ser gravado ({error.strerror}): confira as permissões e o espaço em disco, "
            "e execute de novo."
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _env_text() -> str:
    try:
        return ENV_FILE.read_text("utf-8-sig")
    except FileNotFoundError:
        return ENV_HEADER
    except (OSError, ValueError):
        raise SetupError(
            f"{ENV_FILE} não pode ser lido: deixe-o legível para o usuário deste comando e grave-o como "
            "texto em UTF-8."
        ) from None


def env_names(text: str) -> set[str]:
    """Names with a value: an empty one counts as absent, as in the settings."""
    return set(re.findall(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=[^\S\n]*[^\s#]", text, re.MULTILINE))
