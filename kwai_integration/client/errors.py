"""What can go wrong with one call, typed by who must act next (policy table of design section 3.2).

No error carries an address, a query string, a token or a payload. `text` is the platform's own wording,
cleaned and cut; it is for the operator, never for a decision.
"""

from __future__ import annotations

from enum import StrEnum

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
    ) -> None:
        self.call = call
        self.write = write
        self.code = code
        self.text = text[:TEXT_LIMIT]
        self.http_status = http_status
        self.retry_after = retry_after
        super().__init__(f"{self.sentence()} Resposta: {self.text}" if self.text else self.sentence())

    def sentence(self) -> str:
        """What happened and what comes next, without the platform's own words."""
        return self.message


class ConnectionFailed(KwaiError):
    """The connection was never established: nothing was sent, repeating is safe."""

    message = "Não foi possível conectar ao Kwai; nada foi enviado. Será tentado de novo."


class OutcomeUnknown(KwaiError):
    """Sent, but anything other than a readable envelope came back. A write must be verified first."""

    message = "O Kwai não deu uma resposta legível; pode estar fora do ar. O ERP confere e tenta de novo."


class PlatformFault(KwaiError):
    """Result 500 or 503. A write must be verified before it is repeated, like an unknown outcome."""

    message = "O Kwai informou uma falha interna. Será conferido e tentado de novo."


class RateLimited(KwaiError):
    """Too many requests, theirs (429) or our own limit: not processed. `retry_after` in seconds or None."""

    message = "O limite de requisições do Kwai foi atingido. Será tentado de novo em instantes."


class QuotaSpent(KwaiError):
    """The daily quota is spent (430): this call pauses until the reset."""

    message = "A cota diária de chamadas ao Kwai acabou. Os envios continuam quando ela for renovada."


class TokenExpired(KwaiError):
    """401: renew the pair once and repeat at once."""

    message = "A autorização da loja no Kwai expirou e precisa ser renovada."


class ConsentRevoked(KwaiError):
    """402: terminal for the connection; jobs wait until the merchant consents again."""

    actor = Actor.MERCHANT
    message = "O consentimento da loja no Kwai foi revogado. Conecte a loja de novo em Integrações."


class ScopeMissing(KwaiError):
    """403: the merchant's consent does not cover this call."""

    actor = Actor.MERCHANT
    message = "A loja não autorizou esta operação no Kwai. Conecte-a de novo e aceite todas as permissões."


class BadSignature(KwaiError):
    """443, or an application the platform does not know: the settings are wrong."""

    actor = Actor.ADMINISTRATOR
    message = "O Kwai recusou a assinatura do aplicativo. Confira KWAI_APP_KEY e KWAI_SIGN_SECRET."


class NotFound(KwaiError):
    """404: the subject does not exist for this merchant."""

    actor = Actor.OPERATOR
    message = "O Kwai não encontrou este registro na conta da loja."


class AlreadyDone(KwaiError):
    """409: the platform already holds exactly this content; counts as done."""

    message = "O Kwai já tinha recebido este mesmo conteúdo."


class BusinessRefused(KwaiError):
    """422: the platform's rule says no; its text tells the operator what to correct."""

    actor = Actor.OPERATOR
    message = "O Kwai recusou a operação."


class UnknownResult(KwaiError):
    """A result code outside the contract, never mapped to a guess."""

    actor = Actor.DEVELOPER

    def sentence(self) -> str:
        return f"O Kwai respondeu com um código desconhecido ({self.code})."
