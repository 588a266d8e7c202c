"""Secrets at rest open with their key, in their place, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from erp.encryption import UnreadableSecret, decrypt, encrypt

PLACE = "kwai_account:1:access_token"


def test_the_newest_key_writes_and_older_ones_still_open(settings: Any) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    settings.FIELD_KEYS = f"k1:{old}"
    stored = encrypt("segredo", place=PLACE)
    settings.FIELD_KEYS = f"k2:{new}, k1:{old}"
    assert decrypt(stored, place=PLACE) == "segredo"
    assert encrypt("segredo", place=PLACE).startswith("k2:")


def test_the_value_is_not_in_what_is_stored() -> None:
    stored = encrypt("segredo", place=PLACE)
    assert "segredo" not in stored
    assert stored != encrypt("segredo", place=PLACE)


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-4], lambda text: f"zz{text}", lambda text: "", str.upper]
)
def test_what_is_spoiled_does_not_open(spoil: Any) -> None:
    with pytest.raises(UnreadableSecret):
        decrypt(spoil(encrypt("segredo", place=PLACE)), place=PLACE)


def test_a_secret_of_another_place_does_not_open() -> None:
    with pytest.raises(UnreadableSecret, match="pertence a outro registro"):
        decrypt(encrypt("segredo", place=PLACE), place="kwai_account:2:access_token")
