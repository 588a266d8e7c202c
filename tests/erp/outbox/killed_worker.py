"""A worker process made to be killed: it claims what is due and pushes to the ledger named on its command
line, `python -m tests.erp.outbox.killed_worker STORE_ID LEDGER_URL`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erp.outbox.attempts import AttemptContext
    from erp.outbox.models import PushJob


def handler_register(url: str) -> None:
    """A fact kind whose write and read-back go over real HTTP."""
    from erp import http
    from erp.outbox import handlers
    from erp.outbox.errors import PushNotSent, PushOutcomeUnknown
    from erp.outbox.handlers import Handler, Nature, Sent

    def load(job: PushJob) -> dict[str, Any]:
        return {"subject": job.subject, "content": job.payload["content"]}

    def send(loaded: dict[str, Any], context: AttemptContext) -> Sent:
        try:
            http.call("POST", url, body=json.dumps(loaded).encode())
        except http.RequestNotSent as error:
            raise PushNotSent(str(error)) from None
        except http.RequestOutcomeUnknown as error:
            raise PushOutcomeUnknown(str(error), write=True) from None
        return Sent()

    def is_satisfied(loaded: dict[str, Any], context: AttemptContext) -> bool:
        answer = http.call("GET", url, params={"subject": loaded["subject"]})
        return bool(json.loads(answer.body)["content"] == loaded["content"])

    handlers.register(
        Handler(
            kind="tracking", label="Enviar", nature=Nature.FACT, call="ship", step=2, load=load, send=send,
            is_satisfied=is_satisfied, record=lambda job, loaded, sent: None,
        )
    )  # fmt: skip


if __name__ == "__main__":
    import django

    django.setup()
    from erp.outbox.drain import drain

    handler_register(sys.argv[2])
    drain(store_id=int(sys.argv[1]))
