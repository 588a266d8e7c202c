"""The only door through which bytes of unknown origin become an XML tree.

The parser is locked down: no DTD, no entity, no network, no recovery from damage, no stripping of blanks
(blanks are signed). It reads bytes only, because the encoding declaration belongs to the bytes.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

MAX_BYTES: Final = 2 * 1024 * 1024
"""A note with the legal maximum of 990 items measures about 757 kB."""

MAX_TAGS: Final = 200_000
"""Upper bound of `<` in a file: a note of 990 items has about 90,000, closing tags included."""

MAX_ATTRIBUTES: Final = 6_000
"""Upper bound of `=` in a file: a note carries up to three attributes per item and a handful more, and the
parser's time grows with the square of those on one tag."""

MAX_TEXT: Final = 64 * 1024
"""Bytes between two `<`: the longest field of the layout has 5,000 characters, a certificate some 4,000. The
schema would copy a longer one into its messages again and again."""

ENCODINGS: Final = frozenset({"UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "ISO-8859-1", "WINDOWS-1252"})

_STARTS: Final = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")


class XmlRefused(Exception):
    """The bytes are not a document this product reads; `rule` names why, `message` tells the operator."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


def check_size(content: bytes) -> None:
    """Refuse, before any parsing, what no authorised note can be. Raises `XmlRefused` (rule `size`)."""
    if not content.strip():
        raise XmlRefused("size", "O arquivo está vazio. Baixe o XML de novo no emissor e envie outra vez.")
    if len(content) > MAX_BYTES:
        raise XmlRefused("size", "O arquivo passa de 2 MB, mais do que uma NF-e tem. Envie só o XML da nota.")
    if content.startswith(b"PK"):
        raise XmlRefused("size", "É um arquivo ZIP. Extraia os XMLs e envie-os aqui.")
    if content.startswith(b"%PDF"):
        raise XmlRefused("size", "É um PDF (DANFE). Envie o arquivo XML da nota autorizada.")
    if not content.startswith(_STARTS):
        raise XmlRefused("size", "O arquivo não é um XML. Envie o XML da nota como o emissor o gerou.")
    if content.count(b"<") > MAX_TAGS or content.count(b"=") > MAX_ATTRIBUTES:
        raise XmlRefused("size", "O arquivo tem mais elementos do que uma NF-e pode ter. Peça o original.")
    if len(content) > MAX_TEXT and max(map(len, content.split(b"<"))) > MAX_TEXT:
        raise XmlRefused("size", "O arquivo tem um campo maior do que uma NF-e pode ter. Peça o original.")


def parse(content: bytes) -> etree._Element:
    """Return the root element of a document without DOCTYPE.

    Raises `XmlRefused` with rule `size`, `xml` or `doctype`.
    """
    check_size(content)
    # Seen before parsing so that a hostile DTD costs nothing; NULs are dropped to see through UTF-16.
    if b"<!DOCTYPE" in content.replace(b"\x00", b""):
        raise _doctype()
    try:
        root = etree.fromstring(content, _locked_parser())
    except etree.XMLSyntaxError as error:
        raise XmlRefused("xml", _damaged(error)) from None
    except (etree.LxmlError, LookupError, ValueError):
        raise XmlRefused("xml", _damaged(None)) from None
    _check_document(root.getroottree().docinfo)
    return root


def xml_indented(content: bytes) -> str:
    """A document as people read it: one element a line. Raises `XmlRefused`; never for storing or sending,
    because the blanks it adds would break the signature."""
    root = parse(content)
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


def _locked_parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_blank_text=False,
    )


def _check_document(info: etree.DocInfo) -> None:
    if info.internalDTD is not None or info.externalDTD is not None or info.doctype:
        raise _doctype()
    if (info.encoding or "UTF-8").upper() not in ENCODINGS:
        raise XmlRefused("xml", "O XML usa uma codificação que a NF-e não admite. Peça o original em UTF-8.")


def _doctype() -> XmlRefused:
    return XmlRefused(
        "doctype", "O XML traz uma declaração DOCTYPE, que nenhuma NF-e tem. Peça o arquivo original."
    )


def _damaged(error: etree.XMLSyntaxError | None) -> str:
    where = f" (linha {error.lineno})" if error is not None and error.lineno else ""
    return f"O XML está danificado ou incompleto{where}. Baixe-o de novo no emissor e envie outra vez."
