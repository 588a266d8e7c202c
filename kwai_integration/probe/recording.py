"""A redacted recording of an account's answers, which the simulated Kwai serves again (`--fixtures FILE`)."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from kwai_integration.mapping import fields
from kwai_integration.probe.judging import SeenInAnswers
from kwai_integration.probe.masking import Masker
from kwai_integration.wire.types import ClientConfig

KIND, EDITION = "kwai-recording", 2


def recording(seen: SeenInAnswers, config: ClientConfig, merchant_id: str) -> dict[str, Any]:
    """What was read, with personal data replaced and ids kept, in the words of the platform. Neither tokens
    nor requests are in it."""
    masker = Masker(config.names, secrets.token_bytes(32))
    skus: dict[str, list[Any]] = {}
    for sku in seen.of("sku"):
        skus.setdefault(fields.remote_id(sku.get(config.names.sku.item_id)), []).append(
            masker.masked("sku", sku)
        )
    return {
        "kind": KIND,
        "edition": EDITION,
        "merchantId": merchant_id,
        "orders": [masker.masked("order", raw) for raw in seen.of("order")],
        "items": [
            masker.masked("item", raw)
            | {"skus": skus.get(fields.remote_id(raw.get(config.names.item.id)), [])}
            for raw in seen.of("item")
        ],
        "refunds": [masker.masked("refund", raw) for raw in seen.of("refund")],
    }


def recording_write(path: Path, content: dict[str, Any]) -> None:
    """Write the file for its owner alone. Raises OSError, also when it is there already."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
