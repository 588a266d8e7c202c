"""What keeps the tree readable for somebody who has not seen it: names found once, functions held in the head."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("erp", "invoices", "expedition", "kwai_integration", "kwai_sandbox", "scripts", "benchmarks")
# Names that a framework asks for.
GIVEN = {"Meta", "Media", "Command", "Migration"}
BRANCHES = (
    ast.If,
    ast.For,
    ast.While,
    ast.ExceptHandler,
    ast.IfExp,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.BoolOp,
    ast.match_case,
    ast.Assert,
)
MOST_BRANCHES = 12


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def complexity(function: ast.AST) -> int:
    """One way through, and one more for every branch; nested functions count where they stand."""
    return 1 + sum(isinstance(node, BRANCHES) for node in ast.walk(function))


def test_a_class_name_is_found_once() -> None:
    places = defaultdict(list)
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name not in GIVEN:
                places[node.name].append(f"{name}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
    assert len(places) > 300


def test_every_function_can_be_held_in_the_head() -> None:
    found = [
        (complexity(node), f"{name}:{node.lineno} {node.name}")
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [entry for entry in found if entry[0] > MOST_BRANCHES] == []
    assert len(found) > 1_500


def test_the_count_sees_every_kind_of_branch() -> None:
    code = """
def f(a, b):
    if a and b:
        return [x for x in a if x]
    for x in a:
        try:
            assert x
        except ValueError:
            return 1 if b else 2
    match a:
        case 1:
            return {x for x in b}
    while b:
        def g():
            return {x: x for x in b}, (x for x in b)
"""
    assert complexity(ast.parse(code).body[0]) == 13
