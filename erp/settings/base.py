"""Settings of the whole product, read from the environment and from `.env` beside `manage.py`.

Every name is documented in `.env.example`. A missing or unusable value ends the start with one
sentence that says what to put where (`erp.settings.checks`).
"""

from __future__ import annotations

import re
import secrets
from typing import Any

import django_stubs_ext
from csp.constants import NONE, SELF

from erp.settings.environment import ROOT, fitting, fitting_host, shared_env
from erp.settings.mode import *  # noqa: F403
from erp.settings.mode import ERP_PORT

django_stubs_ext.monkeypatch()

PRODUCT_NAME = "Integração Kwai"
BASE_DIR = ROOT
VAR_DIR = BASE_DIR / "var"

env = shared_env()


_SECRET_LENGTH = 50
# 32 bytes in base64, under an id that stored secrets begin with.
_FIELD_KEY = re.compile(r"[\w.-]{1,20}:[\w+/-]{43}=", re.ASCII)


def _secret_key(text: str) -> str:
    # Django's own bounds of a key that cannot be guessed.
    if len(text) < _SECRET_LENGTH or len(set(text)) < 5:
        raise ValueError
    return text


def _field_keys(text: str) -> str:
    keys = [fitting(_FIELD_KEY, item.strip()) for item in text.split(",") if item.strip()]
    if len({key.partition(":")[0] for key in keys}) < max(len(keys), 1):
        raise ValueError
    return text


def _hosts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name != "*" or not DEBUG:
            # With a dot in front, all servers below it.
            fitting_host(name.removeprefix("."))
    return names


# A command that needs no secrets signs nothing that outlives it.
SECRET_KEY = env.secret(
    "SECRET_KEY",
    _secret_key,
    "é curta ou repete poucos caracteres: apague a linha e execute `make setup`, que gera uma de "
    f"{_SECRET_LENGTH} caracteres ou mais",
) or secrets.token_urlsafe(_SECRET_LENGTH)
# Encryption keys of the tokens at rest, newest first: `id2:key,id1:key`.
FIELD_KEYS = env.secret(
    "FIELD_KEYS",
    _field_keys,
    "não é uma lista id:chave,id:chave com ids diferentes e chaves de 44 caracteres: corrija-a pela "
    "sua cópia, pois sem as chaves antigas cada loja precisa ser conectada de novo",
)

DEBUG = env.flag("DEBUG", False)
PUBLIC_URL = env.address("PUBLIC_URL", f"http://127.0.0.1:{ERP_PORT}")
_IS_HTTPS = PUBLIC_URL.lower().startswith("https://")
if DEBUG and _IS_HTTPS:
    env.refuse(
        "DEBUG", "é on com um endereço público em https, e mostraria erros internos: escreva `DEBUG=off`"
    )
PUBLIC_HOST = re.sub(r":\d+$", "", PUBLIC_URL.split("://", 1)[-1])
LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
_FURTHER_HOSTS: list[str] = env.value(
    "ALLOWED_HOSTS",
    [],
    _hosts,
    "não é uma lista de nomes de servidor separados por vírgula, sem https:// e sem porta, com * só em "
    "`DEBUG=on`: escreva, por exemplo, `ALLOWED_HOSTS=erp.exemplo.com.br`",
)
ALLOWED_HOSTS = sorted({PUBLIC_HOST, *LOOPBACK_HOSTS, *_FURTHER_HOSTS})
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if _IS_HTTPS else []

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # its widget templates, for FORM_RENDERER
    "django_htmx",
    "axes",
    "csp",
    "erp.accounts",
    "erp.attention",
    "erp.runtime",
    "erp.search",
    "erp.web",
    "erp.outbox",
    "erp.work",
    "erp.catalog",
    "erp.stock",
    "erp.sales",
    "invoices",
    "expedition",
    "kwai_integration",
]

MIDDLEWARE = [
    "erp.web.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "erp.web.middleware.CompressionMiddleware",
    "erp.web.middleware.SessionEndedMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "erp.accounts.middleware.PermissionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "erp.web.middleware.ActionAddressMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "erp.urls"
WSGI_APPLICATION = "erp.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "erp.web.context.shell",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["erp.web.templatetags.web"],
        },
    }
]
FORM_RENDERER = "erp.web.forms.TablerRenderer"

ATOMIC_REQUESTS = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "erp.accounts.backends.CompanyBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "web:home"
LOGOUT_REDIRECT_URL = "login"

AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 60 * 60 * 24 * 7
# Lax, not Strict: the OAuth callback is a navigation that starts on Kwai's site.
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.flag("BEHIND_TLS_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        # Sent under another name of this machine, a form may lead to a page that moves to PUBLIC_URL.
        "form-action": [SELF, PUBLIC_URL],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

LANGUAGE_CODE = "pt-br"
TIME_ZONE = "America/Sao_Paulo"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "staticfiles"
# Shipping labels with names and addresses of buyers, readable by the ERP's user alone.
LABELS_DIR = env.folder("LABELS_DIR", VAR_DIR / "labels")
# Copies of database and labels (`erp.runtime.backup`), and how many of the nightly ones are kept.
BACKUP_DIR = env.folder("BACKUP_DIR", VAR_DIR / "backups")
BACKUP_KEEP = env.whole("BACKUP_KEEP", 14, 1, 3_650)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# A note signed with another company's certificate: `warn` (somebody may go on) or `refuse`.
NFE_OTHER_CERTIFICATE = env.choice("NFE_OTHER_CERTIFICATE", "warn", ("warn", "refuse"))

from erp.settings.background import *  # noqa: F403
from erp.settings.database import *  # noqa: F403
from erp.settings.email import *  # noqa: F403
from erp.settings.kwai import *  # noqa: F403
from erp.settings.logs import *  # noqa: F403
