"""The one reader of every name of `.env.example`: the environment, then `.env` beside `manage.py`.

Each name is read by a method that says which values fit. A value that does not fit raises nothing here: the
default stands in, one sentence goes to `problems`, and `erp.settings.checks` ends the start with all of them.
No sentence repeats a value that may be a secret.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

ROOT = Path(__file__).resolve().parent.parent.parent

# Parts of addresses; an IPv6 address stands in brackets.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])"
_PORT = r"(?::[1-9]\d{0,4})?"
SERVER = _HOST + _PORT
# With a user and a password in front, percent-encoded.
SERVER_LOGIN = rf"(?:[^\s/?#@\[\]]+@)?{SERVER}"

_ON, _OFF = ("on", "1", "true", "yes"), ("off", "0", "false", "no")
# Printable ASCII without blanks.
_WORD = re.compile(r"[!-~]+")

T = TypeVar("T")
Number = TypeVar("Number", int, float)


class Environment:
    """Typed values by name; an empty value counts as absent."""

    # False for a command that needs no secrets: `manage.py` says which.
    needs_secrets: ClassVar[bool] = True

    def __init__(self) -> None:
        # One sentence for each name whose value cannot be used.
        self.problems: dict[str, str] = {}
        if self.flag("ERP_READ_ENV", True):
            self._file_read(ROOT / ".env")

    def refuse(self, name: str, said: str) -> None:
        """Note that the value of `name` cannot be used; `said` follows the name. The first reason counts."""
        self.problems.setdefault(name, f"{name} {said}.")

    def value(self, name: str, default: T, parse: Callable[[str], T], said: str) -> T:
        """What `parse` makes of the text; where it raises ValueError, `default`, and `said` is noted."""
        text = os.environ.get(name, "").strip()
        if text:
            try:
                return parse(text)
            except ValueError:
                self.refuse(name, said)
        return default

    def secret(self, name: str, parse: Callable[[str], str], said: str) -> str:
        """A value that nothing runs without, "" for commands that need no secrets."""
        if self.needs_secrets and not os.environ.get(name, "").strip():
            self.problems[name] = f"Falta {name} no arquivo .env: execute `make setup`, que gera um valor."
        return self.value(name, "", parse, said)

    def flag(self, name: str, default: bool) -> bool:
        said = f"não é on nem off: escreva, por exemplo, `{name}={'on' if default else 'off'}`"
        return self.value(name, default, _flag, said)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        said = f"não é um número inteiro de {low} a {high}: escreva, por exemplo, `{name}={default}`"
        return self.value(name, default, partial(_between, int, low, high), said)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        said = (
            f"não é um número de {low:g} a {high:g}, com ponto antes dos decimais: "
            f"escreva, por exemplo, `{name}={default:g}`"
        )
        return self.value(name, default, partial(_between, float, low, high), said)

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        said = f"não é {' ou '.join(choices)}: escreva, por exemplo, `{name}={default}`"
        return self.value(name, default, partial(_chosen, choices), said)

    def word(self, name: str) -> str:
        """A key that the platform gave out, "" where there is none."""
        said = "tem espaço, acento ou outro caractere que nenhuma chave tem: copie-a de novo, inteira"
        return self.value(name, "", partial(fitting, _WORD), said)

    def host(self, name: str, default: str) -> str:
        said = (
            "não é só um nome de servidor, sem https:// e sem porta: "
            f"escreva, por exemplo, `{name}={default}`"
        )
        return self.value(name, default, fitting_host, said)

    def address(self, name: str, default: str, *, path: bool = False) -> str:
        """An http or https address without a final slash; with `path` it may lead to a page."""
        extent, end = ("", r"(?:/[!-~]*)?") if path else (", só com servidor e porta, sem caminho", "/?")
        said = (
            f"não é um endereço que começa com http:// ou https://{extent}: "
            f"escreva, por exemplo, `{name}={default}`"
        )
        return self.value(name, default, partial(fitting_url, rf"https?://{SERVER}{end}"), said).rstrip("/")

    def folder(self, name: str, default: Path, *, used: bool = True) -> Path:
        """A folder that this process may write to, or create, where it is `used`; a relative one lies beside
        `manage.py`."""
        said = f"não é o nome de uma pasta: escreva, por exemplo, `{name}={default}`"
        folder = ROOT / self.value(name, str(default), _path, said)
        if used and not is_writable(folder):
            self.refuse(
                name,
                f"é {folder}, onde o usuário deste processo não pode gravar: "
                f"corrija as permissões ou escreva outra pasta, por exemplo, `{name}={default}`",
            )
        return folder

    def table(self, name: str, example: str) -> dict[str, Any]:
        """A JSON object."""
        said = (
            "não é um objeto JSON com cada nome uma só vez: confira aspas, vírgulas e chaves; "
            f"escreva, por exemplo, `{name}='{example}'`"
        )
        return self.value(name, {}, _object, said)

    def _file_read(self, path: Path) -> None:
        """Put the lines of `path` into the environment; what is there already wins."""
        try:
            text = _without_nul(path.read_text("utf-8-sig"))
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            self.problems[".env"] = (
                "O arquivo .env não pode ser lido: deixe-o legível para o usuário deste processo e grave-o "
                "como texto em UTF-8."
            )
            return
        good = [line for line in parse_stream(io.StringIO(text)) if self._line_fits(line)]
        lines = "".join(line.original.string for line in good)
        for name, value in dotenv_values(stream=io.StringIO(lines)).items():
            os.environ.setdefault(name, value or "")

    def _line_fits(self, line: Binding) -> bool:
        fits = not line.error and (line.key is None or line.value is not None)
        if not fits:
            text = line.original.string
            number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            self.problems[f".env:{number}"] = (
                f"A linha {number} do arquivo .env não tem a forma NOME=valor: corrija-a ou apague-a."
            )
        return fits


@cache
def shared_env() -> Environment:
    """The reader of all settings modules, made at the first call, so that what starts the process may still
    say `ERP_READ_ENV=0`."""
    return Environment()


def fitting(pattern: re.Pattern[str], text: str) -> str:
    """`text` if `pattern` is all of it. Raises ValueError."""
    if not pattern.fullmatch(text):
        raise ValueError
    return text


def fitting_host(text: str) -> str:
    """`text` if it names a server and nothing else. Raises ValueError."""
    return fitting_url(rf"//{_HOST}", f"//{text}").removeprefix("//")


def fitting_url(pattern: str, text: str) -> str:
    """`text` if `pattern`, made of `SERVER` and what is around it, is all of it. Raises ValueError."""
    # Reading the port raises for one beyond the last, splitting for brackets around what is no address.
    _ = urlsplit(text).port
    return fitting(re.compile(pattern, re.IGNORECASE), text)


def is_writable(folder: Path) -> bool:
    """Whether this process may write to `folder`, or create it where it is not."""
    nearest = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _flag(text: str) -> bool:
    return _chosen((*_ON, *_OFF), text) in _ON


def _between(kind: Callable[[str], Number], low: Number, high: Number, text: str) -> Number:
    number = kind(text)
    if not low <= number <= high:
        raise ValueError
    return number


def _chosen(choices: Sequence[str], text: str) -> str:
    found = [choice for choice in choices if choice.lower() == text.lower()]
    if not found:
        raise ValueError
    return found[0]


def _path(text: str) -> str:
    # No file system takes longer names.
    if not text.isprintable() or len(os.fsencode(text)) > 255:
        raise ValueError
    return text


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError
    return text


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError from None
    if not isinstance(found, dict):
        raise ValueError
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found
