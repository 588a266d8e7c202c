"""What the pages and the docstrings point to is there, and an example that is shown runs."""

from __future__ import annotations

import ast
import builtins
import re
import tokenize
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from erp.accounts.models import Company, User
from erp.accounts.permissions import OPERATE, VIEW, route
from erp.sales.models import Carrier, ShippingKind, ShippingMethod
from erp.urls import urlpatterns as product

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("erp", "invoices", "expedition", "kwai_integration", "kwai_sandbox", "scripts", "benchmarks")
# The history of a product may name what is gone.
PAGES = [page for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if page.name != "CHANGELOG.md"]
# Words of other people that look like classes of ours.
FOREIGN = {"HttpOnly", "Signature"}
# Files that ADR 0008 tells of as parted or moved.
FORMER = {"erp/outbox/services.py", "erp/http.py", "outbound/channel.py"}
FILES = (".py", ".toml", ".html", ".js", ".json", ".md", ".css", ".sh", ".yml", ".xlsx", ".csv")


def paths(*packages: str) -> Iterator[Path]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def modules() -> frozenset[str]:
    """`erp.outbox.policy` and every shorter way to say it (`outbox.policy`, `policy`)."""
    found = set()
    for path in paths(*PRODUCT, "tests"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found |= {".".join(parts[start:]) for start in range(len(parts))}
    return frozenset(found)


@cache
def names() -> frozenset[str]:
    """Every name the sources use, define or import, and their short texts (task names, paths of fields)."""
    found = set(vars(builtins))
    for path in paths(*PRODUCT, "tests"):
        for node in ast.walk(tree_of(path)):
            found.update(_names_of(node))
    return frozenset(found)


def _names_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.alias(name=name, asname=other):
            yield from (other or name).split(".")
        case ast.keyword(arg=str(name)):
            yield name
        case ast.Constant(value=str(text)) if len(text) < 60:
            yield text


def said() -> Iterator[tuple[str, str]]:
    """File and text: the pages without their examples, docstrings and comments of the product."""
    for page in PAGES:
        yield str(page.relative_to(ROOT)), re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for path in paths(*PRODUCT):
        yield str(path.relative_to(ROOT)), words_in(path)


def words_in(path: Path) -> str:
    texts = [
        node.value.value
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    with path.open() as lines:
        comments = [
            each.string for each in tokenize.generate_tokens(lines.readline) if each.type == tokenize.COMMENT
        ]
    return "\n".join([*texts, *comments])


def gone(pattern: str, is_there: Callable[[str], bool]) -> list[str]:
    return [
        f"{file}: {name}" for file, text in said() for name in re.findall(pattern, text) if not is_there(name)
    ]


def test_a_class_that_is_named_exists() -> None:
    def is_there(name: str) -> bool:
        return name in names() or name in FOREIGN

    assert gone(r"`([A-Z][A-Za-z]*[a-z][A-Za-z]*)[`(.]", is_there) == [], "rename it there too"
    assert gone(r"\b[Rr]aises? `?([A-Z][A-Za-z]+)", is_there) == [], "rename it there too"


def test_a_module_that_is_named_exists() -> None:
    def is_there(name: str) -> bool:
        """A module, or what a module or a class in it has."""
        head, last = name.rsplit(".", 1)
        return name in modules() or (
            last in names() and (head in modules() or head.rsplit(".", 1)[0] in modules())
        )

    assert gone(rf"(?<![\w./@-])((?:{'|'.join(PRODUCT)})(?:\.[a-z_]+)+)\b(?![\w/-])", is_there) == []


def test_a_dotted_name_ends_in_a_name_that_is_used() -> None:
    def is_there(name: str) -> bool:
        return (
            name in modules() or name in names() or name.rsplit(".", 1)[1] in names() or name.endswith(FILES)
        )

    assert gone(r"`([a-z_]+(?:\.[a-z_]+)+)[`(]", is_there) == []


def test_a_source_file_that_is_named_exists() -> None:
    here = {str(path.relative_to(ROOT)) for path in (*paths(*PRODUCT, "tests"), *ROOT.glob("*.py"))}
    endings = {ending for path in here for ending in endings_of(path)}
    assert gone(r"(?<![\w*./])([\w/]+\.py)\b", lambda name: name in endings or name in FORMER) == []


def endings_of(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[start:]) for start in range(len(parts)))


def test_the_reader_of_an_option_is_a_module() -> None:
    found = re.findall(
        r"\bRead by ([a-z_.]+[a-z])(?: and ([a-z_.]+[a-z]))?", " ".join(text for _, text in said())
    )
    readers = {each for pair in found for each in pair if "." in each}
    assert len(readers) > 8
    assert readers - modules() == set()


def test_nothing_points_to_a_design_that_is_not_here() -> None:
    files = [*PAGES, *paths(*PRODUCT, "tests"), *ROOT.glob("*.toml")]
    pointers = re.compile(r"\bdesign[,]?\s+(?:section\s+)?\d", re.IGNORECASE)
    assert [str(path) for path in files if pointers.search(path.read_text())] == []


def example() -> Any:
    """The list of docs/screens.md, as a reader would paste it."""
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "screens.md").read_text(), re.DOTALL)
    assert block
    pasted: dict[str, Any] = {"__name__": __name__}
    exec(block[1], pasted)
    return pasted["CarrierList"]


urlpatterns = [route("exemplo/", example().as_view(), "example", VIEW, post=OPERATE), *product]


@pytest.mark.django_db
def test_the_example_of_a_list_runs(
    company: Company, operator: User, sign_in: Callable[[User], Client]
) -> None:
    jadlog = Carrier.objects.create(company=company, name="Jadlog", code="JADLOG")
    ShippingMethod.objects.create(company=company, name="Jadlog", kind=ShippingKind.CARRIER, carrier=jadlog)
    client = sign_in(operator)
    with override_settings(ROOT_URLCONF=__name__):
        shown = client.get("/exemplo/", {"codigo": "JADLOG", "q": "jad", "tab": "active"}).content.decode()
        menu = client.get("/exemplo/", {"row": jadlog.pk}).content.decode()
        done = client.post("/exemplo/", {"row_action": f"check:{jadlog.pk}"}).content.decode()
    assert 'data-label="Formas de envio">1</td>' in shown
    assert "Tem formas de envio." in menu
    assert "Conferida." in done
