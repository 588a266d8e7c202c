"""What a stranger reads first is there, true where a test can tell, and says nothing twice."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

import erp

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(path.name for path in ROOT.glob("*.md"))
# Made by the first start, so that a clone has none.
MADE = ("var/", ".venv/")


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_the_pages_of_the_root() -> None:
    assert PAGES == ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "README.pt-BR.md", "SECURITY.md"]


@pytest.mark.parametrize("name", PAGES)
def test_links_and_paths_lead_somewhere(name: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", text(name)) if "://" not in link]
    paths = re.findall(r"`([\w.-]+/[\w./-]*)`", text(name))
    missing = [path for path in (*links, *paths) if not path.startswith(MADE) and not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("name", ["README.md", "README.pt-BR.md"])
def test_a_readme_begins_with_the_picture_and_the_command(name: str) -> None:
    title, picture, code, *_ = re.split(r"\n\n+", text(name))
    assert title.startswith("# ")
    assert picture.startswith("![")
    assert code.splitlines()[:2][-1].startswith("make run")


def test_the_readme_of_the_engineer_begins_with_two_commands() -> None:
    code = re.search(r"```\n(.*?)```", text("README.md"), re.DOTALL)
    assert code
    assert [line.split("  ")[0] for line in code[1].splitlines()] == ["make run", "make test"]


def test_the_picture_is_small() -> None:
    (picture,) = (ROOT / "docs" / "pictures").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 200_000


def test_no_line_of_the_changelog_stands_twice() -> None:
    """Neither an entry nor a line of one; a heading may come back in another version."""
    said = [line for line in text("CHANGELOG.md").splitlines() if line and not line.startswith("#")]
    assert [line for line, times in Counter(said).items() if times > 1] == []


def test_the_changelog_is_kept_by_version() -> None:
    versions = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", each) for each in versions[1:]]
    dates = [date.fromisoformat(each[2]) for each in released if each]
    assert len(dates) == len(released)
    assert dates == sorted(dates, reverse=True)
    assert released[0]
    assert released[0][1] == erp.__version__
    headings = set(re.findall(r"^### (.+)$", text("CHANGELOG.md"), re.MULTILINE))
    assert headings <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
