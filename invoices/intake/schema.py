"""The national XSD of the NF-e: compiled once per process, a warning for notes of others.

Notes of older schema packages are valid documents that fail the newest one, so a failure never refuses.
The files come with the package nfelib; its code is not imported (it takes most of a second and reads XML
without any of our guards).
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from lxml import etree

PACKAGE: Final = "PL_010f"
SHOWN: Final = 5
_FILE: Final = "nfe/schemas/v4_0/procNFe_v4.00.xsd"

_MEANINGS: Final = {
    "CVC_MINLENGTH": "texto curto demais",
    "CVC_MAXLENGTH": "texto longo demais",
    "CVC_LENGTH": "tamanho errado",
    "CVC_PATTERN": "formato inválido",
    "CVC_ENUMERATION": "valor não previsto",
    "CVC_DATATYPE": "tipo de dado errado",
    "CVC_COMPLEX_TYPE_3": "atributo não previsto",
    "CVC_COMPLEX_TYPE_4": "falta um atributo",
    "ELEMENT_CONTENT": "falta um campo ou há um fora do lugar",
}

# The compiled schema keeps the log of its last validation: one thread validates and reads at a time.
_LOCK: Final = threading.Lock()


def problems(document: etree._Element) -> tuple[str, ...]:
    """What is wrong by the schema, at most `SHOWN` lines in Portuguese. They name fields, never values: those
    are personal data."""
    with _LOCK:
        compiled = _compiled()
        try:
            if compiled.validate(document):
                return ()
        except etree.LxmlError:
            return ("o XML não pode ser comparado com o leiaute",)
        found = dict.fromkeys(_line(error) for error in compiled.error_log)  # type: ignore[attr-defined]
    return tuple(found)[:SHOWN]


@lru_cache(maxsize=1)
def _compiled() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_folder() / _FILE, etree.XMLParser(no_network=True)))


def _folder() -> Path:
    found = find_spec("nfelib")
    if found is None or not found.submodule_search_locations:
        raise ImportError("nfelib is not installed; run `make setup`")
    return Path(found.submodule_search_locations[0])


def _line(error: etree._LogEntry) -> str:
    field = re.search(r"^Element '(?:\{[^}]*\})?([A-Za-z0-9]+)'", error.message)
    meaning = next((text for name, text in _MEANINGS.items() if name in error.type_name), "fora do leiaute")
    return f"{field[1] if field else 'documento'}: {meaning}"
