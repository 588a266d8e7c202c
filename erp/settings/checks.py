"""The start ends where a setting cannot be used: one sentence for each, all of them at once.

What starts the product calls `start_check` once Django is set up: `manage.py`, `erp.wsgi`, `erp.celery`. An
app that knows more about its settings registers a system check under `TAG`.
"""

from __future__ import annotations

import sys
from typing import Any

from django.core.checks import CheckMessage, Error, run_checks

from erp.settings.environment import shared_env

TAG = "settings"
# gunicorn's word for "no worker will ever start": its master ends too, instead of starting workers for ever.
EXIT_CODE = 3


def values_check(**_: Any) -> list[CheckMessage]:
    """What was found wrong while the settings were read."""
    return [refusal(name, sentence) for name, sentence in shared_env().problems.items()]


def refusal(name: str, sentence: str) -> Error:
    """The setting `name` cannot be used; `sentence` names it, says why, and what to write, on one line."""
    return Error(" ".join(sentence.split()), id=f"{TAG}.{name}")


def start_check(*further: str) -> None:
    """End the process where a setting cannot be used, with the sentences on standard error; `further` are the
    tags of other system checks this start depends on."""
    wrong = [message.msg for message in run_checks(tags=[TAG, *further]) if message.is_serious()]
    if wrong:
        sys.stderr.write("\n".join([*wrong, ""]))
        raise SystemExit(EXIT_CODE)
