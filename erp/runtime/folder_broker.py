"""The queue of the embedded default: kombu's folder of messages, where one is there whole or not at all.

kombu 5.7 creates the file of a message before it writes into it. A worker that looks in between loses the
message, fails to read it and ends.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(  # type: ignore[override] # as the stubs of its parent say
        self, queue: str, payload: dict[str, Any], **kwargs: Any
    ) -> None:
        """Readers take names that end in the queue's; the file gets such a name when it is complete."""
        folder = Path(self.data_folder_out)
        name = f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(payload))
        draft.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """A file that holds no message, as a power cut leaves it, costs one wake-up and no worker."""
        try:
            return super()._get(queue)
        except ValueError:
            raise Empty from None


class FolderTransport(filesystem.Transport):
    Channel = Channel
