"""An XML document for people: its lines indented, and what an NF-e says in a few facts."""

from __future__ import annotations

from dataclasses import dataclass, field

# Its bytes come from the ERP: declared entities and document types are refused before anything is read.
from xml.parsers import expat

FACTS = {
    "ide/nNF": "Número",
    "ide/serie": "Série",
    "ide/tpAmb": "Ambiente",
    "ide/dhEmi": "Emissão",
    "emit/xNome": "Emitente",
    "emit/CNPJ": "CNPJ do emitente",
    "dest/xNome": "Destinatário",
    "dest/CPF": "CPF do destinatário",
    "dest/CNPJ": "CNPJ do destinatário",
    "ICMSTot/vNF": "Valor da nota",
    "infProt/nProt": "Protocolo",
    "infProt/xMotivo": "Resposta da SEFAZ",
}
ENVIRONMENTS = {"1": "produção", "2": "homologação (sem valor fiscal)"}
LARGEST_SHOWN = 500_000
DEEPEST = 100


@dataclass(frozen=True)
class Line:
    """One line: an opening tag with its text and closing tag, or one of the two alone."""

    depth: int
    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    closes: bool = False


@dataclass
class Document:
    lines: list[Line] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


class _Unreadable(Exception):
    pass


def document_read(content: bytes) -> Document | None:
    """The document's lines and facts; None when it is not XML that is safe and small enough to show."""
    if len(content) > LARGEST_SHOWN:
        return None
    reader = _DocumentReader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, _Unreadable):
        return None
    return reader.document


def _refuse(*_: object) -> None:
    raise _Unreadable


class _DocumentReader:
    def __init__(self) -> None:
        self.document = Document()
        self._open: list[str] = []
        self._waiting: tuple[str, tuple[tuple[str, str], ...]] | None = None
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._opened()
        if len(self._open) >= DEEPEST:
            raise _Unreadable
        self._waiting, self._text = (tag, tuple(attributes.items())), ""
        self._open.append(tag)

    def characters(self, text: str) -> None:
        self._text += text

    def end(self, tag: str) -> None:
        self._open.pop()
        depth = len(self._open)
        if self._waiting is None:
            self.document.lines.append(Line(depth, tag, closes=True))
            return
        attributes, self._waiting = self._waiting[1], None
        self.document.lines.append(Line(depth, tag, attributes, self._text.strip()))
        self._fact(tag)

    def _opened(self) -> None:
        if self._waiting is not None:
            tag, attributes = self._waiting
            self.document.lines.append(Line(len(self._open) - 1, tag, attributes))
            self._waiting = None

    def _fact(self, tag: str) -> None:
        label = FACTS.get(f"{self._open[-1]}/{tag}") if self._open else None
        if label and label not in self.document.facts:
            text = self._text.strip()
            self.document.facts[label] = ENVIRONMENTS.get(text, text) if label == "Ambiente" else text
