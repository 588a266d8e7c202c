"""Opening a push message, with the vector of contract section 4."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from kwai_integration.client.pushes import BadMessageKey, NotOurs, push_open
from kwai_sandbox.pushes import push_encrypt

KEY = "AAECAwQFBgcICQoLDA0ODw=="
OTHER_KEY = base64.b64encode(bytes(16)).decode()


def sealed(padded: bytes) -> bytes:
    """What the platform's cipher makes of text that is already padded, well or badly."""
    encryptor = Cipher(algorithms.AES(base64.b64decode(KEY)), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize())


def test_the_vector_of_the_contract() -> None:
    assert json.loads(push_open(b"vftmsTE4kncTlrYRCUwCMg==", KEY)) == {"test": True}


@given(st.text(max_size=300))
def test_whatever_the_platform_seals_is_opened(text: str) -> None:
    assert push_open(push_encrypt(text, KEY).encode(), KEY).decode() == text


@pytest.mark.parametrize("size", [24, 32])
def test_longer_keys(size: int) -> None:
    key = base64.b64encode(bytes(range(size))).decode()
    assert push_open(push_encrypt("x", key).encode(), key) == b"x"


def test_line_breaks_of_base64_do_not_matter() -> None:
    body = push_encrypt("x" * 200, KEY)
    assert push_open(f" {body[:76]}\r\n{body[76:]}\n".encode(), KEY) == b"x" * 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"=",
        b"{}",
        b"vftmsTE4kncTlrYRCUwCMg=",
        b"\xff\xfe",
        base64.b64encode(b"fifteen bytes.."),
        push_encrypt("x", OTHER_KEY).encode(),
        sealed(bytes(16)),
        sealed(b"fifteen bytes..\x02"),
        sealed(b"fifteen bytes..\x11"),
    ],
    ids=["empty", "equals", "json", "short", "binary", "no block", "key", "padding 0", "padding 2", "17"],
)
def test_what_another_wrote_is_not_opened(body: bytes) -> None:
    with pytest.raises(NotOurs) as caught:
        push_open(body, KEY)
    assert str(caught.value) == ""


@pytest.mark.parametrize("key", ["", "no base64!", base64.b64encode(bytes(15)).decode(), "ação"])
def test_a_key_that_opens_nothing_is_told_apart(key: str) -> None:
    with pytest.raises(BadMessageKey):
        push_open(b"vftmsTE4kncTlrYRCUwCMg==", key)
