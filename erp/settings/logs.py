"""Logs go to standard error; urllib3 stays at WARNING because its debug lines hold query strings,
and query strings hold secrets by contract (contract section 1)."""

from __future__ import annotations

from environs import Env

env = Env()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "WARNING")},
    "loggers": {
        "urllib3": {"level": "WARNING"},
        "erp": {"level": env.str("LOG_LEVEL", "INFO")},
        "kwai_integration": {"level": env.str("LOG_LEVEL", "INFO")},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
