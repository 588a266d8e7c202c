"""Writes stand in services: what answers a request, a form or the clock calls one, and writes nothing itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("erp", "invoices", "expedition", "kwai_integration")
FOLDERS = {"views", "api", "templatetags"}
MODULES = {"api", "context", "forms", "health", "middleware", "shell", "tasks", "user_screens", "views"}
WRITES = {"save", "create", "update", "delete", "get_or_create", "update_or_create", "rows_update"}
LOCKS = {"atomic", "select_for_update", "lock_for_update"}
# A transaction for its time limit: it only reads.
APART = {"erp/web/health.py": {"atomic"}}


def outer_modules() -> list[Path]:
    paths = (path for name in PRODUCT for path in (ROOT / name).rglob("*.py"))
    return [path for path in paths if path.stem in MODULES or FOLDERS & set(path.relative_to(ROOT).parts)]


def writes(code: str) -> Iterator[str]:
    """Names of what is called or used as decorator there that writes or locks; `save(commit=False)` does not."""
    nodes = list(ast.walk(ast.parse(code)))
    harmless = {id(node.func) for node in nodes if isinstance(node, ast.Call) and is_unsaved(node)}
    names = [node.attr for node in nodes if isinstance(node, ast.Attribute) and id(node) not in harmless]
    names += [node.id for node in nodes if isinstance(node, ast.Name) and node.id == "rows_update"]
    yield from (name for name in names if name in WRITES | LOCKS or "bulk_" in name)


def is_unsaved(call: ast.Call) -> bool:
    return ast.unparse(call).endswith(".save(commit=False)")


@pytest.mark.parametrize("path", outer_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_services_write(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    assert set(writes(path.read_text())) == APART.get(place, set())


def test_the_modules_and_the_calls_are_found() -> None:
    found = {str(path.relative_to(ROOT)) for path in outer_modules()}
    assert found >= {"erp/sales/views/orders.py", "erp/accounts/forms.py", "expedition/tasks.py", *APART}
    assert len(found) > 50
    code = "@transaction.atomic\ndef f(): Order.objects.filter(pk=1).update(a=2); rows.bulk_create([]); form.save()"
    assert sorted(writes(code)) == ["atomic", "bulk_create", "save", "update"]
    assert list(writes("form.save(commit=False)")) == []
    assert list(writes("rows_update(rows, fields)")) == ["rows_update"]


def test_many_rows_are_written_by_rows_update() -> None:
    """`bulk_update` costs the client more than the rest of an import (ADR 0009)."""
    paths = [
        path for name in PRODUCT for path in (ROOT / name).rglob("*.py") if path.parent.name != "migrations"
    ]
    calls = [str(path.relative_to(ROOT)) for path in paths if ".bulk_update(" in path.read_text()]
    assert calls == []
