"""The emulator's parts, built once per process."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from kwai_sandbox import seed, settings
from kwai_sandbox.dialect import Dialect
from kwai_sandbox.faults import Faults
from kwai_sandbox.pushes import Pushes
from kwai_sandbox.reviews import Reviews
from kwai_sandbox.signing import AppCredentials, credentials_generate, credentials_load
from kwai_sandbox.state import CREDENTIALS, State
from kwai_sandbox.stats import Stats

ERP = "erp"


class Sandbox:
    """One emulated platform with one app; `renew` as in `State`."""

    def __init__(
        self, path: Path | None = None, *, renew: bool = False, dialect: Dialect | None = None
    ) -> None:
        self.dialect = dialect or Dialect()
        self.state = State(path, renew=renew)
        self.state.usual_settings = dict(self.dialect.settings)
        self.credentials = _credentials(self.state)
        self.chance = random.Random()  # noqa: S311 - chance, not secrets
        self.faults = Faults(self.state, self.chance)
        self.stats = Stats()
        self.pushes = Pushes(self.state, self.credentials, self.chance, self.dialect)
        self.reviews = Reviews(self.state, self.pushes)
        self.stopping = threading.Event()

    @property
    def settings(self) -> dict[str, Any]:
        """The present switches of `settings.DEFAULTS`."""
        return settings.settings_read(self.state)

    @property
    def erp_url(self) -> str:
        """Where the ERP's pages are, without a slash at the end; empty when nothing has told yet.

        Known by `PUBLIC_URL`, by the address that gets the pushes, or by the last consent.
        """
        known = (os.environ.get("PUBLIC_URL", ""), self.pushes.settings()["url"], self.state.meta(ERP, ""))
        parts = [urlsplit(address) for address in known]
        return next((f"{part.scheme}://{part.netloc}" for part in parts if _is_page(part)), "")

    def erp_remember(self, address: str) -> None:
        """Keep where a consent came from."""
        self.state.meta_set(ERP, address)

    def seed(self, number: int) -> None:
        """Fill an empty platform with the seed's sellers, listings and orders."""
        seed.seed_load(self.state, number)

    def start(self) -> None:
        """Begin to deliver pushes and to decide about invoices."""
        self.pushes.start()
        self.reviews.start()

    def reset(self) -> None:
        """Empty everything but the app's credentials."""
        self.state.clear()
        self.faults.clear()
        self.pushes.forget_settings()
        self.stats.clear()

    def close(self) -> None:
        """Wake every delayed answer, stop the pushes, close the state."""
        self.stopping.set()
        self.reviews.stop()
        self.pushes.stop()
        self.state.close()


def _is_page(address: SplitResult) -> bool:
    return address.scheme in ("http", "https") and bool(address.netloc)


def _credentials(state: State) -> AppCredentials:
    stored = state.meta(CREDENTIALS)
    if stored is None:
        stored = credentials_generate()
        state.meta_set(CREDENTIALS, stored)
    return credentials_load(stored)
