"""What a handler may raise, one class per row of the policy table (`policy.py`).

Texts are Portuguese, are shown to operators (cut at 500 characters) and hold no secrets and no personal
data. `remote_code`, `http_status` and `exchange` (already redacted) go to the attempt's row.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

NUMBERS = re.compile(r"\d+")


def cause_of(remote_code: str, text: str) -> str:
    words = NUMBERS.sub("#", text.casefold())
    return f"{remote_code[:31]}:{zlib.crc32(words.encode('utf-8', 'replace')):08x}"


class PushError(Exception):
    """Base of everything the policy decides about."""

    default_text = "O envio falhou."

    def __init__(
        self,
        text: str = "",
        *,
        remote_code: str = "",
        http_status: int | None = None,
        exchange: Mapping[str, Any] | None = None,
        call: str = "",
    ) -> None:
        self.text = text or self.default_text
        self.remote_code = remote_code
        self.http_status = http_status
        self.exchange = exchange
        self.call = call
        super().__init__(self.text)

    @property
    def cause(self) -> str:
        """What failures of one sort have in common, in at most 40 characters: the code of our own refusal,
        else the platform's with a digest of its words, whatever numbers these name."""
        own: str = getattr(self.text, "code", "")
        return own[:40] or cause_of(self.remote_code, self.text)


class PushNotSent(PushError):
    """The connection was never established: not one byte left. `write` says for what it was wanted."""

    default_text = "Não foi possível conectar à plataforma. O ERP tentará de novo."

    def __init__(self, text: str = "", *, write: bool = True, **details: Any) -> None:
        self.write = write
        super().__init__(text, **details)


class PushOutcomeUnknown(PushError):
    """The request left and nothing readable came back, or the platform answered with its own fault.

    `write` says whether it could have changed something; then the next try reads back first.
    """

    default_text = "A plataforma não confirmou o envio. O ERP verificará antes de tentar de novo."

    def __init__(self, text: str = "", *, write: bool, **details: Any) -> None:
        self.write = write
        super().__init__(text, **details)


class PushLeaseLost(PushError):
    """The worker died or was too slow; what it did is unknown. Raised by the engine, not by handlers."""

    default_text = "O envio foi interrompido. O ERP verificará o resultado e continuará."


class Throttled(PushError):
    """The platform's limit or our own: the store's queue waits for `call` (default: the handler's call).

    `retry_after` in seconds, or `resume_at`; the later one counts.
    """

    default_text = "Limite de chamadas da plataforma atingido. O envio continua em instantes."

    def __init__(
        self, text: str = "", *, retry_after: float = 1.0, resume_at: datetime | None = None, **details: Any
    ) -> None:
        self.retry_after = retry_after
        self.resume_at = resume_at
        super().__init__(text, **details)


class PushQuotaSpent(PushError):
    """The day's calls are spent: `call` pauses until `resume_at`, default the next start of the day."""

    default_text = "A cota diária de chamadas da plataforma acabou. Os envios continuam quando ela renovar."

    def __init__(self, text: str = "", *, resume_at: datetime | None = None, **details: Any) -> None:
        self.resume_at = resume_at
        super().__init__(text, **details)


class QueueWait(PushError):
    """Somebody else holds what every push of the store needs (a token refresh under way): its queue waits
    `seconds`, or until `queues.queue_go_on`."""

    default_text = "Outro processo está renovando o acesso da loja. O envio continua em instantes."

    def __init__(self, text: str = "", *, seconds: float = 2.0, **details: Any) -> None:
        self.seconds = seconds
        super().__init__(text, **details)


class CredentialExpired(PushError):
    """The access token is no longer valid, also after the channel renewed it. `write` as in `PushNotSent`."""

    default_text = "O acesso da loja expirou e não foi aceito depois de renovado. O ERP tentará de novo."

    def __init__(self, text: str = "", *, write: bool = True, **details: Any) -> None:
        self.write = write
        super().__init__(text, **details)


class CredentialRevoked(PushError):
    """The store's consent is over: only the merchant can help."""

    default_text = "A loja foi desconectada. Conecte-a de novo em Integrações; os envios esperam."


class ChannelRefused(PushError):
    """The platform refuses the application itself: every store of the channel waits for one probe."""

    default_text = "A plataforma recusou o aplicativo. Todos os envios esperam e voltam sozinhos."


class CallDenied(PushError):
    """The platform did not grant `call` to this store: that call waits, its other pushes go on.

    `resume_at`: when it is tried again although nobody consented anew, default an hour from now.
    """

    default_text = "Permissão não concedida: conecte a loja de novo em Integrações. Os envios esperam."

    def __init__(self, text: str = "", *, resume_at: datetime | None = None, **details: Any) -> None:
        self.resume_at = resume_at
        super().__init__(text, **details)


class PushAccessUnclear(PushError):
    """The platform refuses the store's access with a code nobody named: the store's queue rests, and one push
    tests it. `write` as in `PushOutcomeUnknown`."""

    default_text = "A plataforma recusou o acesso por um motivo desconhecido. Os envios da loja esperam."

    def __init__(self, text: str = "", *, write: bool, **details: Any) -> None:
        self.write = write
        super().__init__(text, **details)


class PushRefused(PushError):
    """A business refusal; `text` is the platform's own."""

    default_text = "A plataforma recusou o envio sem dizer o motivo."


class NotFoundOnWrite(PushRefused):
    """A write whose subject is not found: what should change does not exist there."""

    default_text = "A plataforma não encontrou este registro. Sincronize a situação e confira."


class PushAlreadyDone(PushError):
    """The platform already holds this content: as good as done."""

    default_text = "A plataforma já tinha esta informação."


class UnknownAnswer(PushError):
    """A readable answer with a code nobody knows."""

    default_text = "A plataforma respondeu com um código desconhecido."

    def __init__(self, code: str, text: str = "", *, write: bool, **details: Any) -> None:
        self.code = code
        self.write = write
        super().__init__(text, **{"remote_code": code, **details})


class Broken(PushError):
    """A mistake of ours while pushing. `write` as in `PushOutcomeUnknown`. Raised by the engine."""

    default_text = "O ERP não conseguiu tratar este envio. Avise o suporte."

    def __init__(self, text: str = "", *, write: bool, **details: Any) -> None:
        self.write = write
        super().__init__(text, **details)


class NotYet(PushError):
    """Nothing is wrong, but this push must not be sent yet; look again at `check_at`.

    It counts as no try, and its text stands on the row while it waits. A look is never farther off than
    `LONGEST_WAITS[WaitReason.CHECK]` (an hour): a wait for tomorrow is many looks. `OUTBOX_RETRY_HOURS` (72)
    after it was asked for, or at its `deadline`, the push is BLOCKED. `since`: what is waited for began then,
    where that is later than the request, and the hours run from there. `asks_person`: somebody here has to
    say something first, so the wait has no end of its own.
    """

    default_text = "A plataforma ainda não aceita este envio. O ERP verifica de novo mais tarde."

    def __init__(
        self,
        check_at: datetime,
        text: str = "",
        *,
        since: datetime | None = None,
        asks_person: bool = False,
        **details: Any,
    ) -> None:
        self.check_at = check_at
        self.since = since
        self.asks_person = asks_person
        super().__init__(text, **details)
