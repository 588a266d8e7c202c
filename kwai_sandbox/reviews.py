"""The platform's later word on an invoice it received: taken, or refused with a reason."""

from __future__ import annotations

import threading
from typing import Any

from kwai_sandbox import orders
from kwai_sandbox.clock import now_ms
from kwai_sandbox.pushes import Pushes
from kwai_sandbox.state import State

IDLE_SECONDS = 0.25


class Reviews:
    """Decisions that are due later, and the thread that takes them; they survive a restart."""

    def __init__(self, state: State, pushes: Pushes) -> None:
        self._state = state
        self._pushes = pushes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self) -> None:
        """Begin to decide."""
        self._thread.start()

    def stop(self) -> None:
        """Decide no more; what is left stays planned in the state."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def plan(self, order_id: str, refusal: str, delay_ms: int) -> None:
        """Decide on the order's present note after `delay_ms`; an empty `refusal` takes it."""
        self._state.run("INSERT INTO reviews VALUES (?, ?, ?)", order_id, now_ms() + delay_ms, refusal)

    def forget(self, order_id: str) -> None:
        """A new note or a decision by hand makes the planned one void."""
        self._state.run("DELETE FROM reviews WHERE order_id = ?", order_id)

    def _loop(self) -> None:
        while not self._stopping.wait(IDLE_SECONDS):
            self.decide_due()

    def decide_due(self) -> None:
        """Take every decision whose time has come."""
        with self._state.transaction():
            for row in self._state.rows("SELECT * FROM reviews WHERE due_at <= ?", now_ms()):
                self.forget(row["order_id"])
                order = orders.order_get(self._state, row["order_id"])
                if order is not None and order.detail.get("invoiceStatus") == orders.INVOICE_RECEIVED:
                    orders.order_change(self._state, order, verdict(row["refusal"]))
                    self._pushes.emit_order("order_updated", order)


def verdict(refusal: str) -> dict[str, Any]:
    """The changes of an order for a note refused with a reason, or taken when there is none."""
    status = orders.INVOICE_REFUSED if refusal else orders.INVOICE_ACCEPTED
    return {"invoiceStatus": status, "invoiceRefusalReason": refusal}
