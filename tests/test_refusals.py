"""Every refusal of the product has a code that stays, and both texts."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from pathlib import Path
from string import Formatter

import pytest

from erp.channels import RowOutcome, RowResult
from erp.outbox.push_requests import JobResult
from erp.refusals import NO_REFUSAL, Refusal, RefusedError, joined

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("erp", "invoices", "expedition", "kwai_integration")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in PRODUCT
    for path in (ROOT / package).rglob("refusals.py")
    if path.parent != ROOT / "erp"
)
CODE = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")


def listed() -> dict[str, Refusal]:
    """Every refusal a module declares, by `module.NAME`; those that stand in a table of the module too."""
    found = {}
    for name in MODULES:
        for key, value in vars(importlib.import_module(name)).items():
            rows = value.values() if isinstance(value, dict) else [value]
            for place, row in enumerate(rows):
                if isinstance(row, Refusal):
                    found[f"{name}.{key}.{place}"] = row
    return found


def test_each_app_that_refuses_has_its_module() -> None:
    assert {name.rpartition(".")[0] for name in MODULES} >= {
        "erp.accounts",
        "erp.outbox",
        "erp.sales",
        "erp.stock",
        "expedition",
        "invoices",
        "kwai_integration",
    }
    assert len(listed()) > 150


@pytest.mark.parametrize("name", listed())
def test_a_refusal_has_a_code_and_says_the_same_in_both_languages(name: str) -> None:
    refusal = listed()[name]
    assert CODE.fullmatch(refusal.code), refusal.code
    assert refusal.strip()
    assert refusal.english.strip()
    fields = {part for _, part, _, _ in Formatter().parse(refusal) if part}
    in_english = {part for _, part, _, _ in Formatter().parse(refusal.english) if part}
    assert in_english <= fields


def test_a_code_means_one_thing() -> None:
    """Two apps may refuse for the same reason in their own words; within one a code stands once."""
    places = defaultdict(set)
    for name, refusal in listed().items():
        places[name.rpartition(".refusals.")[0], refusal.code].add(str(refusal))
    assert {place: texts for place, texts in places.items() if len(texts) > 1} == {}


def test_a_form_is_filled_in_both_languages() -> None:
    inner = Refusal("a.b", "por dentro", "inside")
    filled = Refusal("c.d", "Fora: {what}.", "Outside: {what}.").of(what=inner)
    assert (filled, filled.english, filled.code) == ("Fora: por dentro.", "Outside: inside.", "c.d")
    assert not NO_REFUSAL
    assert joined([inner, filled]).english == "inside Outside: inside."
    assert joined([]) is NO_REFUSAL


def test_a_refused_row_without_a_code_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="code"):
        RowResult(1, RowOutcome.REFUSED, "só texto")
    with pytest.raises(TypeError, match="code"):
        JobResult(1, False, "só texto")
    assert RowResult(1, RowOutcome.REFUSED, Refusal("a.b", "x", "y")).code == "a.b"
    assert RowResult(1, RowOutcome.DONE, "feito").code == ""


def kinds(base: type[RefusedError]) -> set[type[RefusedError]]:
    return {base, *(sub for kind in base.__subclasses__() for sub in kinds(kind))}


def test_no_sentence_is_refused_with_where_it_is_raised() -> None:
    """A raise of a refused error takes what `refusals` lists, never a text of its own."""
    for name in PRODUCT:
        for path in (ROOT / name).rglob("*.py"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)) if (
                path.name in {"services.py", "users.py", "linking.py", "consent.py", "stores.py", "period.py"}
            ) else None
    names = {kind.__name__ for kind in kinds(RefusedError)}
    assert len(names) > 9
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in names
        and node.args
        and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("form", "words", "said"),
    [
        (
            "O canal pede para segurar: {x}",
            "endereço em análise",
            "O canal pede para segurar: endereço em análise.",
        ),
        ("O canal pede para segurar: {x}", "aguarde!", "O canal pede para segurar: aguarde!"),
        ("Recusou: {x}. Corrija.", "valor divergente.", "Recusou: valor divergente. Corrija."),
        ("Recusou: {x}. Corrija.", "valor...", "Recusou: valor.... Corrija."),
        ("{x}", "", ""),
    ],
)
def test_the_words_of_somebody_else_end_in_one_stop(form: str, words: str, said: str) -> None:
    filled = Refusal("c.d", form, form).of(x=words)
    assert (filled, filled.english) == (said, said)
