"""The IBGE's codes of municipalities, read from the table that the DANFE printer's package carries.

The package is the optional extra `danfe`: without it every look-up answers nothing and people type the code.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from erp.brazil.documents import plain

PACKAGE = "brazilfiscalreport"
TABLE = "danfse/municipios_ibge.csv"


def city_code_find(city: str, state_code: str) -> str:
    """The seven digits for a city's name and UF; accents, case and apostrophes do not matter. Empty when
    unknown: a wrong guess would put another municipality on a fiscal document."""
    return _codes().get((_key(city), state_code), "")


def city_code_is_known(code: str) -> bool:
    """False only when there is a table and the code is not in it."""
    codes = _codes()
    return not codes or code in codes.values()


@lru_cache(maxsize=1)
def _codes() -> Mapping[tuple[str, str], str]:
    spec = find_spec(PACKAGE)
    path = Path(next(iter(spec.submodule_search_locations or ()), "")) / TABLE if spec else None
    if path is None or not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=";") if len(row) == 3]
    return {(_key(city), state_code): code for code, city, state_code in rows}


def _key(city: str) -> str:
    letters = "".join(char if char.isalnum() else " " for char in plain(city))
    return " ".join(letters.split())
