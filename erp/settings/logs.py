"""Logs go to standard error; urllib3 stays at WARNING because its debug lines hold query strings,
and query strings hold secrets by contract (contract section 1)."""

from __future__ import annotations

import logging
import re

from environs import Env

env = Env()

# Where PostgreSQL quotes the row it refused, up to the end of the error: its values may hold line ends.
QUOTED_ROW = re.compile(r"(?:\n|\\n)(?:DETAIL|CONTEXT):.*?(?=\n\n|\nTraceback |\Z)", re.DOTALL)


class PlainFormatter(logging.Formatter):
    """One line and the traceback, without the rows a database error repeats: they name buyers."""

    def format(self, record: logging.LogRecord) -> str:
        return QUOTED_ROW.sub("", super().format(record))


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": PlainFormatter, "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "WARNING")},
    "loggers": {
        "urllib3": {"level": "WARNING"},
        "erp": {"level": env.str("LOG_LEVEL", "INFO")},
        "kwai_integration": {"level": env.str("LOG_LEVEL", "INFO")},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
