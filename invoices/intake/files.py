"""One file at the validation, and the rules every file passes whatever it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, Self

from lxml import etree

from invoices.intake.parser import XmlRefused, parse
from invoices.intake.reading import NFE, UnreadableInvoice
from invoices.intake.rules import Finding, Rule, refuse

ENVIRONMENT_NAMES: Final = {"production": "produção", "homologation": "homologação"}


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """The company as the validation needs it: tax ids of itself and its branches; `production|homologation`.

    `now` is what "in the future" is measured by; without it that is not judged.
    `refuse_other_certificate`: a certificate of another company refuses instead of warning.
    """

    tax_ids: frozenset[str]
    environment: str
    now: datetime | None = None
    refuse_other_certificate: bool = False


class FileCase:
    """One file before the rules: parsed at most once, on first use."""

    def __init__(self, content: bytes, company: CompanyFacts) -> None:
        self.content = content
        self.company = company

    @classmethod
    def of(cls, opened: FileCase) -> Self:
        """The same file, already parsed, as another kind of case."""
        case = cls(opened.content, opened.company)
        case.__dict__["parsed"] = opened.parsed
        return case

    @cached_property
    def parsed(self) -> etree._Element | XmlRefused:
        try:
            return parse(self.content)
        except XmlRefused as refused:
            return refused

    @property
    def reading(self) -> object:
        """What the file says, as its kind of case reads it. Raises `UnreadableInvoice`."""
        raise NotImplementedError

    @property
    def root(self) -> etree._Element:
        """The document. Only rules after `doctype` may ask: before, there may be none."""
        if isinstance(self.parsed, XmlRefused):
            raise self.parsed
        return self.parsed

    @property
    def is_event(self) -> bool:
        return not isinstance(self.parsed, XmlRefused) and self.parsed.tag == f"{{{NFE}}}procEventoNFe"


def environment_finding(found: set[str], company: CompanyFacts, what: str) -> Finding | None:
    """`found` holds every environment the file names; all must be the company's."""
    if found == {company.environment}:
        return None
    names = " e ".join(sorted(ENVIRONMENT_NAMES[name] for name in found))
    return refuse(
        f"{what} é do ambiente de {names} e a empresa está em {ENVIRONMENT_NAMES[company.environment]}. "
        "Envie o arquivo do ambiente certo ou corrija o ambiente no cadastro da empresa."
    )


def _parses(rule: str) -> Callable[[FileCase], Finding | None]:
    """The parser names the rule it refused by; each of its rules answers for its own part."""

    def check(case: FileCase) -> Finding | None:
        refused = case.parsed
        return refuse(refused.message) if isinstance(refused, XmlRefused) and refused.rule == rule else None

    return check


def _markup(case: FileCase) -> Finding | None:
    # A comment inside a value keeps the digest valid while readers see only the text before it.
    if any(True for _ in case.root.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity)):
        return refuse("O XML traz comentários ou instruções dentro da nota. Peça o arquivo original.")
    return None


PARSING_RULES: Final[tuple[Rule[FileCase], ...]] = (
    Rule("size", "Tamanho e tipo do arquivo", _parses("size"), stops=True),
    Rule("xml", "XML íntegro", _parses("xml"), stops=True),
    Rule("doctype", "Sem DOCTYPE", _parses("doctype"), stops=True),
)
MARKUP_RULE: Final[Rule[FileCase]] = Rule("markup", "Sem comentários dentro da nota", _markup, stops=True)


def _fields(case: FileCase) -> Finding | None:
    try:
        _ = case.reading
    except UnreadableInvoice as missing:
        return refuse(f"O campo {missing.field} falta, se repete ou foge do padrão. Peça o XML original.")
    return None


FIELDS_RULE = Rule("fields", "Campos obrigatórios", _fields, stops=True)
