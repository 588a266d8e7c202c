"""Opening a push message (contract section 4): base64 of AES-CBC with PKCS7 and a zero IV."""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LARGEST_BODY = 64 * 1024
KEY_BYTES = (16, 24, 32)


class NotOurs(Exception):
    """Nobody who holds the message key wrote this. It never says which step failed: an answer that tells a
    wrong padding from wrong content lets a stranger decrypt messages, byte by byte."""


class BadMessageKey(Exception):
    """`KWAI_MESSAGE_KEY` is missing or no base64 of an AES key: no message can be opened."""


def push_open(body: bytes, message_key: str) -> bytes:
    """The plaintext of `body`; `message_key` is base64. Raises NotOurs and BadMessageKey."""
    cipher = Cipher(algorithms.AES(message_key_bytes(message_key)), modes.CBC(bytes(16)))
    try:
        sealed = base64.b64decode(b"".join(body.split()), validate=True)
        decryptor, unpadder = cipher.decryptor(), padding.PKCS7(128).unpadder()
        padded = decryptor.update(sealed) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise NotOurs from None


def message_key_bytes(message_key: str) -> bytes:
    """The AES key of `KWAI_MESSAGE_KEY`. Raises BadMessageKey."""
    try:
        key = base64.b64decode(message_key, validate=True)
    except (binascii.Error, ValueError):
        raise BadMessageKey from None
    if len(key) not in KEY_BYTES:
        raise BadMessageKey
    return key
