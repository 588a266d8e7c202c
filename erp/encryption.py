"""Secrets at rest: `<key id>:<fernet token>`, newest key first.

The plaintext carries the place it was written for (table, row, field), so that a token copied into
another row does not open there.
"""

from __future__ import annotations

import json
from typing import overload

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db.models import Model


class UnreadableSecret(Exception):
    """The stored secret cannot be opened: its key is missing from FIELD_KEYS, or it belongs elsewhere."""


class Secret:
    """`token = Secret("token_stored", table="store_account")`: the clear value of an encrypted column.

    `rotate_keys` finds every one of them, so a column written by `encrypt` has one. Reading raises
    UnreadableSecret.
    """

    def __init__(self, column: str, *, table: str) -> None:
        self.column = column
        self.table = table
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def place(self, pk: object) -> str:
        return f"{self.table}:{pk}:{self.name}"

    @overload
    def __get__(self, row: None, owner: type) -> Secret: ...
    @overload
    def __get__(self, row: Model, owner: type) -> str: ...
    def __get__(self, row: Model | None, owner: type) -> Secret | str:
        return self if row is None else decrypt(getattr(row, self.column), place=self.place(row.pk))

    def __set__(self, row: Model, value: str) -> None:
        setattr(row, self.column, encrypt(value, place=self.place(row.pk)))


def secrets_of(model: type[Model]) -> list[Secret]:
    """The encrypted columns of a model."""
    return [value for value in vars(model).values() if isinstance(value, Secret)]


def newest_key_id() -> str:
    """The key that writes."""
    return next(iter(_keys()))


def encrypt(value: str, *, place: str) -> str:
    key_id, fernet = next(iter(_keys().items()))
    payload = json.dumps([place, value]).encode()
    return f"{key_id}:{fernet.encrypt(payload).decode()}"


def decrypt(stored: str, *, place: str) -> str:
    """Open a stored secret.

    Raises UnreadableSecret without naming the value.
    """
    key_id, _, token = stored.partition(":")
    fernet = _keys().get(key_id)
    if fernet is None:
        raise UnreadableSecret(f"a chave {key_id!r} não está em FIELD_KEYS")
    try:
        written_for, value = json.loads(fernet.decrypt(token.encode()))
    except (InvalidToken, ValueError):
        raise UnreadableSecret(f"o segredo de {place} não abre com a chave {key_id!r}") from None
    if written_for != place:
        raise UnreadableSecret(f"o segredo guardado em {place} pertence a outro registro")
    return str(value)


def _keys() -> dict[str, Fernet]:
    pairs = (item.strip().partition(":") for item in settings.FIELD_KEYS.split(",") if item.strip())
    return {key_id: Fernet(key) for key_id, _, key in pairs}
