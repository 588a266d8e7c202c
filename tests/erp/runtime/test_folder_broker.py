"""The queue in a folder: a message is taken whole, and what is none ends no worker."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from erp import celery_app


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "messages").mkdir()
    options = {
        "data_folder_in": str(tmp_path / "messages"),
        "data_folder_out": str(tmp_path / "messages"),
        "control_folder": str(tmp_path / "control"),
    }
    with celery_app.connection_for_write("folder://", transport_options=options) as connection:
        yield connection.channel()


def message(channel: Any, body: str) -> dict[str, Any]:
    """As kombu hands it to `_put`."""
    made: dict[str, Any] = channel.prepare_message(
        *channel.encode_body(body, "base64")[:1],
        content_type="text/plain",
        content_encoding="utf-8",
        properties={
            "body_encoding": "base64",
            "delivery_tag": "tag",
            "delivery_info": {"exchange": "push", "routing_key": "push"},
        },
    )
    return made


def bodies(channel: Any, queue: str) -> list[str]:
    found = []
    with contextlib.suppress(Empty):
        while True:
            found.append(channel.Message(channel._get(queue), channel=channel).decode())
    return found


def test_messages_arrive_in_their_order(channel: Any) -> None:
    for body in ("é", "second"):
        channel._put("push", message(channel, body))
    assert bodies(channel, "inbound") == []
    assert bodies(channel, "push") == ["é", "second"]


BROKEN = {
    "empty": b"",
    "cut": b'{"body": "YQ==", "headers": {}, "prop',
    "binary": b"\xff\x00\xfe",
    "deep": b"[" * 100_000,
    "list": b"[]",
    "object": b"{}",
    "number": b"7",
    "null": b"null",
    "no tag": b'{"body": "YQ==", "headers": {}, "properties": {"delivery_info": {}}}',
    "no base64": b'{"body": "YQ", "headers": {}, "properties": {"body_encoding": "base64", "delivery_tag": "t",'
    b' "delivery_info": {"exchange": "", "routing_key": ""}}}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_without_a_message_is_set_aside_and_the_next_is_read(
    channel: Any, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    name = "-first.push.msg"
    (tmp_path / "messages" / name).write_bytes(content)
    channel._put("push", message(channel, "next"))
    assert bodies(channel, "push") == ["next"]
    assert (tmp_path / "broken" / name).read_bytes() == content
    assert list((tmp_path / "messages").iterdir()) == []
    assert str(tmp_path / "broken" / name) in caplog.text


def test_a_full_disk_leaves_no_draft(channel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        channel._put("push", message(channel, "lost"))
    assert list((tmp_path / "messages").iterdir()) == []


def test_a_table_of_queues_that_was_cut_is_written_anew(channel: Any, tmp_path: Path) -> None:
    channel._queue_bind("push", "push", None, "push")
    table = tmp_path / "control" / "push.exchange"
    whole = table.read_text()
    table.write_text(whole[: len(whole) // 2])
    assert channel.get_table("push") == []
    channel._queue_bind("push", "push", None, "push")
    assert table.read_text() == whole


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
    writer = threading.Thread(target=channel._put, args=("push", message(channel, "whole")))
    writer.start()
    assert begun.wait(60)
    assert bodies(channel, "push") == []
    go_on.set()
    writer.join(60)
    assert bodies(channel, "push") == ["whole"]
