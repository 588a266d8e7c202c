"""One try of one job, as the engine drives it and as the functions of a handler see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from erp.outbox import claim
from erp.outbox.errors import PushError, PushLeaseLost, PushNotSent, PushOutcomeUnknown
from erp.outbox.models import PushJob


@dataclass(slots=True)
class AttemptContext:
    """`uncertain`: an earlier write may have been applied. `writing`: the write of this try may have left.
    `is_answered`: a call of this try came back with an HTTP status."""

    job: PushJob
    uncertain: bool
    writing: bool = False
    is_answered: bool = False
    notes: list[Mapping[str, Any]] = field(default_factory=list)
    http_status: int | None = None
    remote_code: str = ""

    def confirm(self) -> None:
        """Renew the lease; raises when it was lost. The engine calls it before `send`; a `send` that
        reads first calls it again right before its write."""
        if not claim.lease_renew(job=self.job):
            raise PushLeaseLost

    def note(
        self,
        *,
        http_status: int | None = None,
        remote_code: str = "",
        exchange: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one remote call on the attempt's row; `exchange` must already be redacted."""
        self.http_status = http_status
        self.is_answered = self.is_answered or http_status is not None
        self.remote_code = remote_code
        if exchange is not None:
            self.notes.append(exchange)

    def interrupted(self) -> PushError:
        """What a try amounts to that ran out of its time."""
        if self.writing:
            return PushOutcomeUnknown(write=True)
        return PushNotSent("O envio demorou demais e foi interrompido antes de sair. O ERP tentará de novo.")
