"""Logs go to standard error, with the id of the request or task on every line; `LOG_FORMAT=json` writes one
object a line.

urllib3 stays at WARNING because its debug lines hold query strings, and Kwai's hold secrets.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from erp import tracing
from erp.settings.environment import shared_env

env = shared_env()

# Where PostgreSQL quotes the row it refused, up to the end of the error: its values may hold line ends.
QUOTED_ROW = re.compile(r"(?:\n|\\n)(?:DETAIL|CONTEXT):.*?(?=\n\n|\nTraceback |\Z)", re.DOTALL)
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime"}


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller passed as `extra`, without what is empty; and the id."""
    found = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    # Django's own loggers pass the request itself and its answer.
    kept = {name: value for name, value in found.items() if isinstance(value, str | int | float | list)}
    known = {name: value for name, value in kept.items() if value != ""}
    return known | ({"request_id": tracing.current()} if tracing.current() else {})


class PlainFormatter(logging.Formatter):
    """One line and the traceback, without the rows a database error repeats: they name buyers."""

    def format(self, record: logging.LogRecord) -> str:
        first, *rest = super().format(record).split("\n")
        pairs = [f"{name}={value}" for name, value in extras(record).items()]
        return QUOTED_ROW.sub("", "\n".join([" ".join([first, *pairs]), *rest]))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at` (UTC), `level`, `logger`, `message`, `request_id`, extras, `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": QUOTED_ROW.sub("", record.getMessage()),
            **extras(record),
        }
        if record.exc_info:
            line["trace"] = QUOTED_ROW.sub("", self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_OWN_LEVEL = env.choice("LOG_LEVEL", "INFO", _LEVELS)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": PlainFormatter, "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": JsonFormatter},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": env.choice("LOG_FORMAT", "plain", ("plain", "json")),
        }
    },
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", "WARNING", _LEVELS)},
    "loggers": {
        "urllib3": {"level": "WARNING"},
        # It warns, at each connection, that the queue in a folder has no host.
        "kombu.connection": {"level": "ERROR"},
        "erp": {"level": _OWN_LEVEL},
        "kwai_integration": {"level": _OWN_LEVEL},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
