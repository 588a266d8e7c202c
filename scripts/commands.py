"""The commands behind `make`: each prepares what it needs and starts the tool that does the work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.environment import (
    DEV_LOCK,
    PYTHON,
    ROOT,
    RUN_LOCK,
    UV_LOCK,
    VENV,
    SetupError,
    env_file_add,
    packages_install,
    prepare,
)

# What only a person's own installation sets; the suite runs on the embedded default whatever they say.
SERVICE_NAMES = ("DATABASE_URL", "REDIS_URL")
# Together everything but `services` and `long`, and no test in two of them.
PARTS = {
    "test": "not browser and not chaos and not services",
    "test-browser": "browser and not chaos and not services",
    "chaos-short": "chaos and not services and not long",
}
SERVICES_PART = "(database or services or chaos) and not long"
SLOWEST = 10
MYPY_TARGETS = ("erp", "invoices", "expedition", "kwai_integration", "kwai_sandbox", "scripts")
PIP_AUDIT = "pip-audit==2.9.0"
UV = "uv==0.13.9"


def main(arguments: Sequence[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if name not in COMMANDS:
        print(f"Uso: ./dev {{{'|'.join(COMMANDS)}}}")
        return 2
    try:
        return COMMANDS[name](rest)
    except SetupError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrompido.", file=sys.stderr)
    return 1


def setup(_: Sequence[str]) -> int:
    prepare()
    return 0


def run(rest: Sequence[str]) -> int:
    """Become the supervisor: Ctrl-C then reaches it directly."""
    prepare()
    if "ERP_DEMO" not in os.environ:
        env_file_add({"ERP_DEMO": "1"})
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "manage.py", "up", *rest])


def backup(rest: Sequence[str]) -> int:
    return _manage("backup", rest)


def backup_check(rest: Sequence[str]) -> int:
    return _manage("backup_check", rest)


def restore(rest: Sequence[str]) -> int:
    if not rest:
        raise SetupError("Escreva qual cópia: make restore FILE=var/backups/erp-….tar.gz")
    return _manage("restore", rest)


def _manage(name: str, rest: Sequence[str]) -> int:
    prepare()
    return _python("manage.py", name, *rest)


def test(rest: Sequence[str]) -> int:
    prepare(DEV_LOCK)
    print("Não inclui: test-browser, chaos-short e test-services (cada um é um comando).", flush=True)
    return _embedded(PARTS["test"], rest)


def test_browser(rest: Sequence[str]) -> int:
    prepare(DEV_LOCK)
    chromium_ensure()
    return _embedded(PARTS["test-browser"], rest)


def chaos_short(rest: Sequence[str]) -> int:
    prepare(DEV_LOCK)
    return _results_told(lambda: _embedded(PARTS["chaos-short"], rest))


def chaos(rest: Sequence[str]) -> int:
    """Every test that kills processes, the long ones too, in both shapes."""
    prepare(DEV_LOCK)
    return _results_told(
        lambda: _embedded("chaos and not services", rest) or _with_services("-m", "chaos", *rest)
    )


def _results_told(run: Callable[[], int]) -> int:
    """Run, then print what each case left, with its seed, and the sum as the last line."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.touch()
        os.environ["CHAOS_RESULTS"] = str(results)
        code = run()
        lines = results.read_text().splitlines()
    print(*lines, sep="\n")
    rows = [json.loads(line) for line in lines]
    total = {name: sum(row[name] for row in rows) for name in ("lost", "doubled", "kills")}
    print(json.dumps({**total, "cases": len(rows), "passed": code == 0}), flush=True)
    return code


def simulate(rest: Sequence[str]) -> int:
    """Seeded histories in one process over SQLite; `ARGS="--seed 7 --histories 1 -v"` replays one."""
    prepare(DEV_LOCK)
    return _python("-m", "tests.simulation", *rest)


def test_services(rest: Sequence[str]) -> int:
    """All parts of the suite, but for what asks no database: that is the same there."""
    prepare(DEV_LOCK)
    chromium_ensure()
    return _with_services("-m", SERVICES_PART, *rest)


def _with_services(*arguments: str) -> int:
    os.environ["KWAI_REQUIRE_SERVICES"] = "1"
    return _python("-m", "scripts.services", str(PYTHON), *_pytest(), *arguments)


def _embedded(marks: str, rest: Sequence[str]) -> int:
    """What the suite has of these marks, on SQLite and the queue in a folder."""
    for name in SERVICE_NAMES:
        os.environ.pop(name, None)
    return _python(*_pytest(), "-m", marks, *rest)


def _pytest() -> tuple[str, ...]:
    """pytest on every core this process may use; two at least, since tests wait more than they compute."""
    workers = max(2, len(os.sched_getaffinity(0)))
    return ("-m", "pytest", "-n", str(workers), f"--durations={SLOWEST}")


def chromium_ensure() -> None:
    """Install Debian's chromium where that is allowed; elsewhere the browser tests say what is missing."""
    if os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print("Instalando o chromium para os testes de navegador...", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    for command in (["apt-get", "update", "-q"], install):
        subprocess.call(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def lint(_: Sequence[str]) -> int:
    """Every check runs even when one before it failed, so that one run shows all there is to mend."""
    prepare(DEV_LOCK)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "erp.settings.test", "DATABASE_URL": "sqlite://:memory:"}
    checks = {
        "ruff check": ("-m", "ruff", "check", "."),
        "ruff format": ("-m", "ruff", "format", "--check", "."),
        "templates": ("-m", "djlint", "--lint", "--quiet", "templates", "kwai_sandbox/templates"),
        "mypy": ("-m", "mypy", *(name for name in MYPY_TARGETS if (ROOT / name).is_dir())),
        "import contracts": ("-c", "from importlinter.cli import lint_imports_command as c; c()"),
        "migrations": ("manage.py", "makemigrations", "--check", "--dry-run"),
    }
    failed = [name for name, command in checks.items() if _step(name, command)]
    print("Falhou: " + ", ".join(failed) if failed else "Tudo certo.")
    return 1 if failed else 0


def _step(name: str, command: Sequence[str]) -> int:
    print(f"== {name}", flush=True)
    return _python(*command)


def lock(rest: Sequence[str]) -> int:
    """Recompute the locks; `ARGS=--upgrade` takes newer versions. The files name no host."""
    packages_install(DEV_LOCK)
    run_code = _compile("pyproject.toml", "--extra", "danfe", "--group", "sandbox", "-o", RUN_LOCK, *rest)
    groups = ("--extra", "danfe", "--group", "sandbox", "--group", "test", "--group", "lint")
    dev_code = _compile("pyproject.toml", *groups, "-c", RUN_LOCK, "-o", DEV_LOCK, *rest)
    uv_code = _compile("-", "-o", UV_LOCK, *rest, text=UV)
    return run_code or dev_code or uv_code


def _compile(*arguments: str, text: str = "") -> int:
    shape = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header")
    command = [str(VENV / "bin" / "uv"), "pip", "compile", "-q", *shape, *arguments]
    return subprocess.run(command, cwd=ROOT, input=text, text=True, check=False).returncode


def audit(rest: Sequence[str]) -> int:
    """Known faults of the locked packages; needs the internet and fails when a package was not checked."""
    packages_install(RUN_LOCK)
    options = ("--strict", "--disable-pip", "--require-hashes", "-r", RUN_LOCK)
    return subprocess.call([str(VENV / "bin" / "uv"), "tool", "run", PIP_AUDIT, *options, *rest], cwd=ROOT)


def bench_nfe(rest: Sequence[str]) -> int:
    prepare(DEV_LOCK)
    os.environ.pop("DATABASE_URL", None)
    return _python("-m", "benchmarks.nfe", *rest)


def bench_import(rest: Sequence[str]) -> int:
    prepare(DEV_LOCK)
    return _python("-m", "scripts.services", str(PYTHON), "-m", "benchmarks.orders_import", *rest)


def bench_push(rest: Sequence[str]) -> int:
    prepare(DEV_LOCK)
    return _python("-m", "scripts.services", str(PYTHON), "-m", "benchmarks.push", *rest)


def bench_pages(rest: Sequence[str]) -> int:
    """On PostgreSQL, with `--sqlite` in a file of its own."""
    prepare(DEV_LOCK)
    os.environ.setdefault("TEST_DB_SUFFIX", f"_{os.getpid()}")
    if "--sqlite" in rest:
        os.environ.pop("DATABASE_URL", None)
        return _python("-m", "benchmarks.pages", *rest)
    return _python("-m", "scripts.services", str(PYTHON), "-m", "benchmarks.pages", *rest)


def bench_screens(rest: Sequence[str]) -> int:
    return _in_browser("benchmarks.screens", rest)


def bench_fresh(rest: Sequence[str]) -> int:
    return _in_browser("benchmarks.fresh", rest)


def _in_browser(module: str, rest: Sequence[str]) -> int:
    prepare(DEV_LOCK)
    chromium_ensure()
    return _python("-m", module, *rest)


def _python(*arguments: str) -> int:
    return subprocess.call([str(PYTHON), *arguments], cwd=ROOT)


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "setup": setup,
    "run": run,
    "backup": backup,
    "backup-check": backup_check,
    "restore": restore,
    "test": test,
    "test-browser": test_browser,
    "chaos-short": chaos_short,
    "chaos": chaos,
    "simulate": simulate,
    "test-services": test_services,
    "lint": lint,
    "lock": lock,
    "audit": audit,
    "bench-nfe": bench_nfe,
    "bench-import": bench_import,
    "bench-pages": bench_pages,
    "bench-push": bench_push,
    "bench-screens": bench_screens,
    "bench-fresh": bench_fresh,
}
