"""Setting up: `.env`, the stamp of what is installed, and the sentences for what stands in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import environment

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = (
    "dev",
    "scripts",
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-uv.lock",
    "manage.py",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files a first start reads, in a folder without `.venv`."""
    for name in SOURCES:
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy2(source, tmp_path / name)
    return tmp_path


def dev(folder: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "dev", *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | extra, capture_output=True, text=True, check=False, timeout=300
    )


def test_env_file_gets_what_is_missing_and_keeps_every_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    monkeypatch.setattr(environment, "ENV_FILE", path)
    path.write_text("SECRET_KEY=mine\n# FIELD_KEYS=k1:old\nexport ERP_DEMO=0")
    environment.env_file_complete()
    environment.env_file_add({"ERP_DEMO": "1"})
    lines = path.read_text().splitlines()
    assert lines[:3] == ["SECRET_KEY=mine", "# FIELD_KEYS=k1:old", "export ERP_DEMO=0"]
    assert len(lines) == 4
    assert lines[3].startswith("FIELD_KEYS=k1:")
    first = path.read_text()
    environment.env_file_complete()
    assert path.read_text() == first


def test_an_empty_value_is_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    monkeypatch.setattr(environment, "ENV_FILE", path)
    path.write_text("SECRET_KEY=\nFIELD_KEYS= # to come\n")
    environment.env_file_complete()
    assert environment.env_names(path.read_text()) == {"SECRET_KEY", "FIELD_KEYS"}


def test_an_env_file_that_is_no_text_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    monkeypatch.setattr(environment, "ENV_FILE", path)
    path.write_bytes("# ação\n".encode("latin-1"))
    with pytest.raises(environment.SetupError, match="UTF-8"):
        environment.env_file_complete()


def test_a_new_env_file_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "ENV_FILE", tmp_path / ".env")
    environment.env_file_complete()
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert environment.env_names((tmp_path / ".env").read_text()) == {"SECRET_KEY", "FIELD_KEYS"}


def test_every_locked_package_of_the_product_is_pinned_the_same_for_development() -> None:
    def pins(name: str) -> set[str]:
        return {line.split()[0] for line in (ROOT / name).read_text().splitlines() if line[:1].isalnum()}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-uv.lock"])
def test_locks_name_no_host(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


def test_no_package_index_is_one_sentence(copy: Path) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    answer = dev(
        copy,
        "setup",
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL=nowhere,
        PIP_FIND_LINKS="",
        PIP_EXTRA_INDEX_URL="",
        UV_DEFAULT_INDEX=nowhere,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("Nenhum índice de pacotes Python respondeu")
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not (copy / ".env").exists()


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("runuser"), reason="root needs runuser to lose its rights"
)
def test_a_folder_without_write_permission_is_one_sentence(copy: Path) -> None:
    copy.chmod(0o555)
    for parent in copy.parents:
        if parent.owner() == "root" and os.geteuid() == 0 and parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    python = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable
    prefix = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
    answer = subprocess.run(
        [*prefix, python, "dev", "setup"], cwd=copy, capture_output=True, text=True, check=False
    )
    copy.chmod(0o755)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Sem permissão para gravar em {copy}")
    assert len(answer.stderr.strip().splitlines()) == 1


def test_an_old_python_is_one_sentence(tmp_path: Path) -> None:
    code = (
        "import runpy, sys, os; sys.version_info = (3, 9, 2, 'final', 0); os.environ['PATH'] = sys.argv.pop();"
        "sys.argv = ['dev', 'setup']; runpy.run_path('dev', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("O ERP precisa do Python 3.11, 3.12 ou 3.13 e este e o 3.9")
    assert len(answer.stderr.strip().splitlines()) == 1


def test_an_old_python_finds_the_newer_one_on_path(tmp_path: Path) -> None:
    newer = tmp_path / "python3.12"
    newer.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "started $(basename "$1") $2"\n')
    newer.chmod(0o755)
    code = (
        "import runpy, sys, os; sys.version_info = (3, 9, 2, 'final', 0); os.environ['PATH'] = sys.argv.pop();"
        "sys.argv = ['dev', 'setup']; runpy.run_path('dev', run_name='__main__')"
    )
    path = f"{tmp_path}:/usr/bin:/bin"
    old = sys.executable
    answer = subprocess.run([old, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == "started dev setup"
