"""Which ways of making notes a company may choose. The notes' room registers them; this one only offers."""

from __future__ import annotations

_choices: dict[str, str] = {}


def issuer_choice_register(key: str, label: str) -> None:
    """Offer an issuer on the page *Empresa*; called from `AppConfig.ready()`."""
    _choices[key] = label


def issuer_choices() -> list[tuple[str, str]]:
    """`(key, label)` in the order of registration; the first is the default."""
    return list(_choices.items())
