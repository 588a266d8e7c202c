"""Settings of the whole product, read from the environment and from `.env` beside `manage.py`.

Every name is documented in `.env.example`. A missing or unusable value ends the start with one
sentence that says what to put where.
"""

from __future__ import annotations

import os
from typing import Any

import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environs import validate

from erp.settings.environment import ROOT, shared_env

django_stubs_ext.monkeypatch()

BASE_DIR = ROOT
VAR_DIR = BASE_DIR / "var"

env = shared_env()


def required(name: str, hint: str) -> str:
    value = env.str(name, "")
    if not value:
        raise ImproperlyConfigured(f"Falta {name} no arquivo .env: {hint}")
    return value


SECRET_KEY = required("SECRET_KEY", "execute `make setup`, que gera um valor.")
# Encryption keys of the tokens at rest, newest first: `id2:key,id1:key` (design 3.5).
FIELD_KEYS = required("FIELD_KEYS", "execute `make setup`, que gera um valor.")

DEBUG = env.bool("DEBUG", False)
ERP_DEMO = env.bool("ERP_DEMO", False)
PUBLIC_URL = env.str("PUBLIC_URL", f"http://127.0.0.1:{os.environ.get('ERP_PORT', '8000')}").rstrip("/")
PUBLIC_HOST = PUBLIC_URL.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = sorted({PUBLIC_HOST, *LOOPBACK_HOSTS, *env.list("ALLOWED_HOSTS", [])})
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []

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
    "erp.web",
    "erp.outbox",
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

# IMMEDIATE is what keeps SQLite writers from failing with "database is locked": the upgrade from
# read to write inside a transaction fails at once, whatever the timeout.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA busy_timeout=20000;"
        "PRAGMA foreign_keys=ON;PRAGMA journal_size_limit=27103364;"
    ),
}


def database() -> dict[str, Any]:
    config: dict[str, Any] = dict(
        env.dj_db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'erp.sqlite3'}")
    )
    suffix = os.environ.get("TEST_DB_SUFFIX", "")
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["ENGINE"] = "erp.runtime.sqlite"
        config["OPTIONS"] = SQLITE_OPTIONS
        # A file, because Django's shared in-memory default locks whole tables between threads.
        config["TEST"] = {"NAME": str(BASE_DIR / f".test{suffix}.sqlite3")}
    else:
        config["CONN_MAX_AGE"] = 60
        config["CONN_HEALTH_CHECKS"] = True
        # A database that does not answer is an error page, not a page that hangs: at the start, and when the
        # way to it is cut while a connection is open (idle after a minute, waiting after 20 s).
        limits = {
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        }
        config["OPTIONS"] = limits | config.get("OPTIONS", {})
        config["TEST"] = {"NAME": f"test_erp{suffix}"}
    return config


DATABASES = {"default": database()}
ATOMIC_REQUESTS = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
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
# Lax, not Strict: the OAuth callback is a navigation that starts on Kwai's site (contract section 2).
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env.bool("BEHIND_TLS_PROXY", False):
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
LABELS_DIR = env.path("LABELS_DIR", VAR_DIR / "labels")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# A note signed with another company's certificate: `warn` (somebody may go on) or `refuse`.
NFE_OTHER_CERTIFICATE = env.str("NFE_OTHER_CERTIFICATE", "warn", validate=validate.OneOf(["warn", "refuse"]))

from erp.settings.background import *  # noqa: F403
from erp.settings.email import *  # noqa: F403
from erp.settings.kwai import *  # noqa: F403
from erp.settings.logs import *  # noqa: F403
