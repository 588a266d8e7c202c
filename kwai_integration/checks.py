"""Whether the settings that only Kwai's contract can judge fit it; the start asks (`erp.settings.checks`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage

from erp.settings.checks import refusal
from kwai_integration.client.pushes import BadMessageKey, message_key_bytes
from kwai_integration.wire.codes import CodeTableError, result_table, situation_table
from kwai_integration.wire.endpoints import endpoint_table
from kwai_integration.wire.names import wire_names


def _message_key(text: str) -> None:
    """ "" is none: then no push is opened, and orders come by polling."""
    try:
        if text:
            message_key_bytes(text)
    except BadMessageKey:
        raise CodeTableError(
            "KWAI_MESSAGE_KEY não é uma chave de 16, 24 ou 32 bytes em base64: copie-a de novo do menu do "
            "desenvolvedor do Kwai, inteira."
        ) from None


# What reads each setting; it raises CodeTableError for a value that fits nothing.
READERS: Mapping[str, Callable[[Any], object]] = {
    "KWAI_PATHS": endpoint_table,
    "KWAI_FIELDS": wire_names,
    "KWAI_STATUS_ROLES": situation_table,
    "KWAI_RESULT_ROLES": result_table,
    "KWAI_MESSAGE_KEY": _message_key,
}


def settings_check(**_: Any) -> list[CheckMessage]:
    """Corrections that fit no table, and a message key that opens nothing."""
    found: list[CheckMessage] = []
    for name, read in READERS.items():
        try:
            read(getattr(settings, name))
        except CodeTableError as error:
            found.append(refusal(name, str(error)))
    return found
