"""The names of the wire as this installation has them."""

from __future__ import annotations

from django.conf import settings

from kwai_integration.wire.names import WireNames, wire_names


def names() -> WireNames:
    """The names in force. The setting was checked at start-up."""
    return wire_names(settings.KWAI_FIELDS)
