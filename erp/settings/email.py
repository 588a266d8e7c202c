"""Where messages go. Without `EMAIL_URL` none is sent and nothing fails: the notices above the pages say the
same."""

from __future__ import annotations

from email.utils import parseaddr
from functools import partial
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from erp.settings import environment
from erp.settings.environment import fitting_url, shared_env

env = shared_env()

_PATTERN = rf"(?:smtp|submission)://{environment.SERVER_LOGIN}/?(?:\?(?:ssl|tls)=(?:on|true|1))?"


def _is_sender(text: str) -> bool:
    """Whether it is an address, with or without a name."""
    try:
        validate_email(parseaddr(text)[1] if text.isprintable() else "")
    except ValidationError:
        return False
    return True


def _sender(text: str) -> str:
    if not _is_sender(text):
        raise ValueError
    return text


_URL = urlsplit(
    env.value(
        "EMAIL_URL",
        "",
        partial(fitting_url, _PATTERN),
        "não é um endereço de servidor de e-mail: escreva, por exemplo, "
        "`EMAIL_URL=submission://usuario:senha@servidor:587` (TLS) ou "
        "`EMAIL_URL=smtp://usuario:senha@servidor:465?ssl=on`, com %40 no lugar de @ em usuário e senha",
    )
)
EMAIL_ENABLED = bool(_URL.hostname)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_ENABLED else 'dummy'}.EmailBackend"
EMAIL_HOST = _URL.hostname or "localhost"
EMAIL_PORT = _URL.port or (587 if _URL.scheme == "submission" else 25)
EMAIL_HOST_USER = unquote(_URL.username or "")
EMAIL_HOST_PASSWORD = unquote(_URL.password or "")
EMAIL_USE_SSL = _URL.query.startswith("ssl=")
EMAIL_USE_TLS = not EMAIL_USE_SSL and (_URL.scheme == "submission" or _URL.query.startswith("tls="))
EMAIL_TIMEOUT = 10
_SENDER = "escreva, por exemplo, `EMAIL_FROM=erp@exemplo.com.br`"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.value(
    "EMAIL_FROM",
    EMAIL_HOST_USER or "erp@localhost",
    _sender,
    f"não é um endereço de e-mail: {_SENDER}",
)
if not _is_sender(DEFAULT_FROM_EMAIL):
    env.refuse("EMAIL_FROM", f"falta, porque o usuário de EMAIL_URL não é um endereço de e-mail: {_SENDER}")
