"""The queue of the embedded default: kombu's folder of messages, where one is there whole or not at all.

kombu 5.7 creates the file of a message before it writes into it, reads it by way of the system's folder of
temporary files, and ends the worker over one that holds something else.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)

# Beside the folder of the messages.
BROKEN = "broken"


class Channel(filesystem.Channel):
    def _put(  # type: ignore[override] # as the stubs of its parent say
        self, queue: str, payload: dict[str, Any], **kwargs: Any
    ) -> None:
        """Readers take names that end in the queue's; the file gets such a name when it is complete."""
        folder = Path(self.data_folder_out)
        name = f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        draft = folder / f"{name}.draft"
        try:
            draft.write_text(dumps(payload))
            draft.rename(folder / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        """The oldest message of `queue`. A file that holds none, as a power cut or somebody leaves it, costs
        one wake-up and no worker: it is set aside, and the next is read. Raises Empty."""
        for path in self._files(queue):
            # Of two readers one gets it: a name can be given away once.
            taken = path.with_name(f"{path.name}.taken")
            try:
                path.rename(taken)
                text = taken.read_bytes()
            except OSError:
                continue
            message = self._message(text)
            if message is None:
                _set_aside(taken, path.name)
                continue
            taken.unlink(missing_ok=True)
            return message
        raise Empty

    def _files(self, queue: str) -> Iterator[Path]:
        folder = Path(self.data_folder_in)
        names = sorted(path.name for path in folder.iterdir())
        return (folder / name for name in names if name.partition(".")[2] == f"{queue}.msg")

    def _message(self, text: bytes) -> dict[str, Any] | None:
        """What `_put` wrote; None for what kombu could not take apart, which would end the worker."""
        try:
            found = loads(text.decode())
            message = self.Message(found, channel=self)
            message.decode()
            is_whole = isinstance(message.delivery_tag, str) and {"exchange", "routing_key"} <= set(
                message.delivery_info
            )
        except Exception:
            return None
        return found if is_whole else None

    def get_table(self, exchange: str) -> Any:
        """Which queues an exchange leads to; nothing known where a full disk cut the file."""
        try:
            return super().get_table(exchange)
        except (ValueError, TypeError):
            return []

    def _queue_bind(self, exchange: str, *binding: Any) -> None:
        """As kombu does it; a file that was cut is written anew."""
        try:
            super()._queue_bind(exchange, *binding)
        except (ValueError, TypeError):
            (self.control_folder / f"{exchange}.exchange").unlink(missing_ok=True)
            super()._queue_bind(exchange, *binding)


def _set_aside(path: Path, name: str) -> None:
    folder = path.parent.with_name(BROKEN)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        path.rename(folder / name)
    except OSError:
        path.unlink(missing_ok=True)
    logger.warning("A file of the queue held no message and was moved to %s", folder / name)


class FolderTransport(filesystem.Transport):
    Channel = Channel
