"""What can go wrong with one call, typed by who must act next.

No error carries an address, a query string, a token or a payload. `text` is the platform's own wording,
cleaned and cut; it is for the operator, never for a decision.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

from erp.refusals import Refusal

TEXT_LIMIT = 500


class Actor(StrEnum):
    """Who must do something before the same call can succeed."""

    NOBODY = "nobody"
    OPERATOR = "operator"
    MERCHANT = "merchant"
    ADMINISTRATOR = "administrator"
    DEVELOPER = "developer"


class KwaiError(Exception):
    """A call that did not succeed. `str()` is a Portuguese sentence fit for a screen."""

    actor = Actor.NOBODY
    message = "A chamada ao Kwai não foi concluída."

    def __init__(
        self,
        *,
        call: str,
        write: bool,
        code: int | None = None,
        text: str = "",
        http_status: int | None = None,
        retry_after: float | None = None,
        resume_at: datetime | None = None,
    ) -> None:
        self.call = call
        self.write = write
        self.code = code
        self.text = text[:TEXT_LIMIT]
        self.http_status = http_status
        self.retry_after = retry_after
        # The instant itself where our own memory of an earlier answer refused: no caller may lengthen it.
        self.resume_at = resume_at
        super().__init__(f"{self.sentence()} Resposta: {self.text}" if self.text else self.sentence())

    def sentence(self) -> str:
        """What happened and what comes next, without the platform's own words."""
        return self.message

    @property
    def refusal(self) -> Refusal:
        """Why a command stopped at this call: `kwai.rate_limited`, by the name of the class."""
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__.removeprefix("Kwai")).lower()
        return Refusal(f"kwai.{name}", str(self), f"The call to Kwai failed: {name.replace('_', ' ')}.")


class ConnectionFailed(KwaiError):
    """The connection was never established: nothing was sent, repeating is safe."""

    message = "Não foi possível conectar ao Kwai; nada foi enviado. Será tentado de novo."


class KwaiOutcomeUnknown(KwaiError):
    """Sent, but anything other than a readable envelope came back. A write must be verified first."""

    message = "O Kwai não deu uma resposta legível; pode estar fora do ar. O ERP confere e tenta de novo."


class PlatformFault(KwaiError):
    """The platform says that it failed. A write must be verified first, like an unknown outcome."""

    message = "O Kwai informou uma falha interna. Será conferido e tentado de novo."


class RateLimited(KwaiError):
    """Too many requests, by their limit or our own: not processed. `retry_after` in seconds or None."""

    message = "O limite de requisições do Kwai foi atingido. Será tentado de novo em instantes."


class AppPaused(RateLimited):
    """Not sent: the platform refuses the application, and only the probe asks it; `reason` is its refusal."""

    def __init__(self, *, reason: str = "O Kwai recusou o aplicativo.", **details: Any) -> None:
        self.reason = reason
        super().__init__(**details)

    def sentence(self) -> str:
        return f"{self.reason} O ERP testa a cada minuto e continua sozinho."


class RefreshOnHold(RateLimited):
    """The pair is not renewed for now; what has a living access token goes on with it."""

    message = "O acesso da loja ao Kwai não pôde ser renovado. O ERP tenta de novo sozinho."


class KwaiQuotaSpent(KwaiError):
    """The daily quota is spent: this call pauses until the reset."""

    message = "A cota diária de chamadas ao Kwai acabou. Os envios continuam quando ela for renovada."


class AppRefused(KwaiError):
    """The platform refuses the application itself: no call of any store can succeed until its cause is
    gone, so everything waits for one probe (contract 3.3)."""

    actor = Actor.ADMINISTRATOR


class AppInvalid(AppRefused):
    """The application's key or the version of its API is not known."""

    def sentence(self) -> str:
        return (
            f"O Kwai não aceita o aplicativo (código {self.code}). "
            "Confira KWAI_APP_KEY e KWAI_API_URL no arquivo .env do ERP."
        )


class SignatureInvalid(AppRefused):
    """The signature does not match."""

    def sentence(self) -> str:
        return (
            f"O Kwai recusou a assinatura do aplicativo (código {self.code}). "
            "Confira KWAI_SIGN_SECRET no arquivo .env do ERP."
        )


class ClockWrong(AppRefused):
    """The timestamp is too far from the platform's. `ahead` is by how many seconds our clock was before
    the `Date` of the answer, negative when it was behind, None when the answer told no date."""

    def __init__(self, *, ahead: float | None = None, **details: Any) -> None:
        self.ahead = ahead
        super().__init__(**details)

    def sentence(self) -> str:
        return (
            f"O Kwai recusou o horário das chamadas (código {self.code}): o relógio do servidor do ERP "
            f"{self._difference()}. Acerte o relógio do servidor (NTP)."
        )

    def _difference(self) -> str:
        # A `Date` tells whole seconds: no difference in it says nothing of which clock is wrong.
        if self.ahead is None or round(self.ahead) == 0:
            return "não confere com o do Kwai"
        side = "adiantado" if self.ahead > 0 else "atrasado"
        return f"está {duration_text(abs(self.ahead))} {side} em relação ao do Kwai"


class SecretInvalid(KwaiError):
    """The application's secret is wrong. It travels in OAuth calls only: nobody can connect or renew,
    while what has an access token goes on."""

    actor = Actor.ADMINISTRATOR

    def sentence(self) -> str:
        return (
            f"O Kwai recusou o segredo do aplicativo (código {self.code}). "
            "Confira KWAI_APP_SECRET no arquivo .env do ERP."
        )


class OAuthPaused(SecretInvalid):
    """Not sent: the platform refused the application's secret. `reason` is what it said, `retry_after` when
    the next consent or renewal may try."""

    def __init__(self, *, reason: str = "O Kwai recusou o segredo do aplicativo.", **details: Any) -> None:
        self.reason = reason
        super().__init__(**details)

    def sentence(self) -> str:
        return f"{self.reason} O ERP tenta de novo sozinho em {duration_text(self.retry_after or 0)}."


class TokenExpired(KwaiError):
    """The access token is not valid any more: renew the pair once and repeat once."""

    message = "A autorização da loja no Kwai expirou e precisa ser renovada."


class ConsentEnded(KwaiError):
    """Terminal for the store's connection: jobs wait until the merchant consents again."""

    actor = Actor.MERCHANT


class ConsentRevoked(ConsentEnded):
    """The merchant took the consent back."""

    message = "O consentimento da loja no Kwai foi revogado. Conecte a loja de novo em Integrações."


class MerchantInvalid(ConsentEnded):
    """The platform does not know the seller account behind this connection."""

    message = "O Kwai não reconhece a conta de vendedor desta loja. Conecte a loja de novo em Integrações."


class PermissionMissing(KwaiError):
    """This call was not granted to this store; its other calls go on. From the platform, or from
    our own memory of its answer: then `retry_after` says when the call is tried again by itself."""

    actor = Actor.MERCHANT
    message = (
        "Permissão não concedida: a loja não autorizou esta operação no Kwai. "
        "Conecte-a de novo em Integrações e aceite todas as permissões."
    )


class KwaiAccessUnclear(KwaiError):
    """A code beside those of application, clock, token and permission that nobody named."""

    actor = Actor.DEVELOPER

    def sentence(self) -> str:
        return (
            f"O Kwai recusou o acesso da loja com um código que o ERP não conhece ({self.code}). "
            "Se continuar, informe o código ao suporte."
        )


class NotFound(KwaiError):
    """The subject does not exist for this merchant."""

    actor = Actor.OPERATOR
    message = "O Kwai não encontrou este registro na conta da loja."


class KwaiAlreadyDone(KwaiError):
    """The platform already holds exactly this content; counts as done."""

    message = "O Kwai já tinha recebido este mesmo conteúdo."


class BusinessRefused(KwaiError):
    """The platform's rule says no; its text tells the operator what to correct."""

    actor = Actor.OPERATOR
    message = "O Kwai recusou a operação."


class UnknownResult(KwaiError):
    """A result code outside the contract, never mapped to a guess."""

    actor = Actor.DEVELOPER

    def sentence(self) -> str:
        return f"O Kwai respondeu com um código desconhecido ({self.code})."


def is_answered(error: Exception) -> bool:
    """The platform gave an answer that does not refuse the application: it knows us."""
    refusals = (AppRefused, SecretInvalid, PlatformFault, RateLimited, KwaiQuotaSpent)
    return isinstance(error, KwaiError) and error.code is not None and not isinstance(error, refusals)


def is_limited(error: Exception) -> bool:
    """The platform itself told us to come later: it has checked who asks, by key, signature and clock."""
    return isinstance(error, RateLimited | KwaiQuotaSpent) and error.code is not None


def duration_text(seconds: float) -> str:
    """A span as an operator reads it, its largest unit and the next: `2 dias e 3 h`, `24 h`, `6 min`."""
    parts: list[tuple[int, str]] = []
    # No more precise than it matters: an answer's date knows whole seconds only.
    step = 60 if seconds >= 3_600 else 10 if seconds >= 60 else 1
    left = round(seconds / step) * step
    for size, unit in ((86_400, "dias"), (3_600, "h"), (60, "min"), (1, "s")):
        count = left // size
        # One day reads better as 24 h.
        if not parts and (count == 0 or (unit == "dias" and count == 1)):
            continue
        parts.append((count, unit))
        left -= count * size
    return " e ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"
