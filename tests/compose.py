"""The compose file as Docker would read it: anchors merged, variables put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\})")


def services(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Every service with `environment` put in for `${NAME}`, `${NAME:-default}` and `${NAME:?message}`.

    Raises LookupError for a variable that must be set and is not.
    """
    found: dict[str, dict[str, Any]] = _filled(yaml.safe_load(FILE.read_text())["services"], environment)
    return found


def image_parts() -> list[str]:
    """Files and folders the Dockerfile copies from the project into the image."""
    copies = re.findall(r"^COPY (?!--)(\S+) (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [source for source, target in copies if not target.startswith("/tmp")]


def image_environment() -> dict[str, str]:
    """What the Dockerfile sets for every process, the PATH left out."""
    return _set_in(_dockerfile())


def image_build() -> tuple[dict[str, str], str]:
    """The command of the RUN line that needs our code, and what the lines before it have set."""
    text = _dockerfile()
    (line,) = re.findall(r"^RUN (.*\bmanage\.py\b.*)$", text, re.MULTILINE)
    return _set_in(text.partition(line)[0]), line


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def _set_in(text: str) -> dict[str, str]:
    settings = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    pairs = [pair.split("=", 1) for line in settings for pair in line.split()]
    return {name: value for name, value in pairs if name != "PATH"}


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(entry, environment) for name, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, environment) for entry in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda match: _replaced(match, environment), value)


def _replaced(match: re.Match[str], environment: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    given = environment.get(match["name"], "")
    if given or not match["kind"]:
        return given
    if match["kind"] == ":?":
        raise LookupError(f"{match['name']}: {match['rest']}")
    return str(match["rest"])
