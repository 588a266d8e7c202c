"""The queue in a folder: a message is taken whole, and what is none ends no worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from erp import celery_app


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Any]:
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }
    with celery_app.connection_for_write("folder://", transport_options=options) as connection:
        yield connection.channel()


def test_a_message_arrives(channel: Any) -> None:
    channel._put("push", {"body": "é"})
    channel._put("push", {"body": "second"})
    with pytest.raises(Empty):
        channel._get("inbound")
    assert [channel._get("push")["body"] for _ in range(2)] == ["é", "second"]
    with pytest.raises(Empty):
        channel._get("push")


def test_a_file_without_a_message_is_passed_over(channel: Any, tmp_path: Path) -> None:
    (tmp_path / "-cut.push.msg").touch()
    channel._put("push", {"body": "next"})
    with pytest.raises(Empty):
        channel._get("push")
    assert channel._get("push") == {"body": "next"}


def test_a_message_half_written_is_not_seen(
    channel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader looks while the writer is at it."""
    begun, go_on = threading.Event(), threading.Event()

    def write(path: Path, text: str) -> None:
        with path.open("w") as file:
            file.write(text[:3])
            file.flush()
            begun.set()
            go_on.wait(60)
            file.write(text[3:])

    monkeypatch.setattr(Path, "write_text", write)
    writer = threading.Thread(target=channel._put, args=("push", {"body": "whole"}))
    writer.start()
    assert begun.wait(60)
    with pytest.raises(Empty):
        channel._get("push")
    go_on.set()
    writer.join(60)
    assert channel._get("push") == {"body": "whole"}
