"""Every way to start the product ends with one sentence for each setting that cannot be used, and no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from erp.settings.checks import EXIT_CODE
from erp.settings.environment import is_writable
from tests.compose import ROOT, image_build, image_parts

NEEDED = (
    "SECRET_KEY=needed-secret-needed-secret-needed-secret-0123456789",
    "FIELD_KEYS=k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
)
WRONG = (
    "KWAI_POLL_SECONDS=15s",
    'KWAI_STATUS_ROLES={"30": "SHIPPED"}',
    "DATABASE_URL=mysql://ana:s3gr3do@x/y",
)
SENTENCES = (
    "DATABASE_URL não é um endereço",
    "KWAI_POLL_SECONDS não é um número",
    "KWAI_STATUS_ROLES: 'SHIPPED'",
)
MANAGE = (sys.executable, "manage.py")
GUNICORN = (sys.executable, "-m", "gunicorn", "erp.wsgi", "--bind", "unix:web.sock", "--no-control-socket")
CELERY = (sys.executable, "-m", "celery", "-A", "erp")
STARTS = {
    "check": (*MANAGE, "check"),
    "shell": (*MANAGE, "shell", "--no-imports", "-c", "print('began')"),
    "migrate": (*MANAGE, "migrate"),
    "contract": (*MANAGE, "kwai_contract"),
    "collectstatic": (*MANAGE, "collectstatic", "--noinput"),
    "up": (*MANAGE, "up"),
    "django": (sys.executable, "-m", "django", "check"),
    "web": GUNICORN,
    "web, loaded before it forks": (*GUNICORN, "--preload"),
    "worker": (*CELERY, "worker", "-P", "threads", "-Q", "push"),
    "beat": (*CELERY, "beat", "-s", "beat-schedule", "--pidfile="),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image holds."""
    made = tmp_path_factory.mktemp("image")
    for part in image_parts():
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, made / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, made / part)
    return made


def started(folder: Path, command: tuple[str, ...], *lines: str) -> subprocess.CompletedProcess[str]:
    """What came of `command` with these lines as `.env`."""
    (folder / ".env").write_text("\n".join((*NEEDED, *lines)))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {
        "PATH": path,
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "erp.settings.base",
        "PYTHONPATH": ".",
    }
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", STARTS)
def test_every_start_ends_with_the_sentences(folder: Path, name: str) -> None:
    run = started(folder, STARTS[name], *WRONG)
    assert run.returncode != 0
    assert "began" not in run.stdout
    said = run.stdout + run.stderr
    assert [said.count(sentence) for sentence in SENTENCES] == [1, 1, 1], said
    assert "Traceback" not in said
    assert "s3gr3do" not in said
    if STARTS[name][:2] == MANAGE:
        assert run.returncode == EXIT_CODE
        assert [line.startswith(tuple(SENTENCES)) for line in said.splitlines()] == [True, True, True]


@pytest.mark.parametrize("name", ["check", "contract"])
def test_a_start_with_settings_that_can_be_used_goes_on(folder: Path, name: str) -> None:
    run = started(folder, STARTS[name])
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", ["check", "web", "web, loaded before it forks"])
def test_a_page_that_forgot_its_permission_ends_the_start(folder: Path, name: str) -> None:
    urls = folder / "erp" / "web" / "urls.py"
    kept = urls.read_text()
    urls.write_text(
        f"{kept}\nfrom django.urls import path\nurlpatterns += [path('aberta/', views.home, name='x')]"
    )
    run = started(folder, STARTS[name])
    urls.write_text(kept)
    assert run.returncode != 0
    assert "A rota web:x não diz quem pode abri-la" in run.stderr


def test_a_demonstration_that_cannot_keep_its_secrets_says_so(folder: Path) -> None:
    (folder / "var").mkdir(exist_ok=True)
    (folder / "var" / "demo.json").write_text("{")
    run = started(folder, STARTS["up"], "ERP_DEMO=1")
    (folder / "var" / "demo.json").unlink()
    assert run.returncode == EXIT_CODE
    assert run.stderr.startswith("ERP_DEMO guarda senhas em ")
    assert run.stderr.count("\n") == 1


def test_the_image_collects_its_files_without_secrets(folder: Path) -> None:
    """The very line of the Dockerfile, with what its lines before have set."""
    shutil.rmtree(folder / "var", ignore_errors=True)
    (folder / ".env").unlink(missing_ok=True)
    environment, command = image_build()
    assert not {"SECRET_KEY", "FIELD_KEYS"} & {*environment}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert (folder / "var" / "staticfiles" / "staticfiles.json").exists()


def test_migrations_are_compared_without_secrets(folder: Path) -> None:
    (folder / ".env").unlink(missing_ok=True)
    env = {"PATH": os.environ["PATH"], "ERP_READ_ENV": "0"}
    command = [*MANAGE, "makemigrations", "--check", "--dry-run"]
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.fixture
def not_root() -> Iterator[None]:
    """What a file allows is asked for the real user, and root may do everything."""
    is_root = os.getuid() == 0
    if is_root:
        os.setreuid(65_534, 0)
    yield
    if is_root:
        os.setreuid(0, 0)


def test_a_folder_of_another_user_is_not_writable(not_root: None) -> None:
    with tempfile.TemporaryDirectory() as parent:
        kept, free = Path(parent) / "kept", Path(parent) / "free"
        for path, mode in ((Path(parent), 0o755), (kept, 0o555), (free, 0o777)):
            path.mkdir(exist_ok=True)
            path.chmod(mode)
        folders = (kept, kept / "below", free, free / "below" / "deeper")
        assert [is_writable(folder) for folder in folders] == [False, False, True, True]
