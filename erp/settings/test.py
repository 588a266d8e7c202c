"""Settings of the test suite: nothing comes from a developer's `.env`; databases and brokers come
from `DATABASE_URL` and `REDIS_URL` when the suite runs against services."""

from __future__ import annotations

import os

os.environ["ERP_READ_ENV"] = "0"
os.environ["SECRET_KEY"] = "test-only-secret-key-test-only-secret-key-0123456789"
os.environ["FIELD_KEYS"] = "t1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ.setdefault("KWAI_CONFIRM_FIRST_PUSH", "0")
os.environ.setdefault("KWAI_API_URL", "http://127.0.0.1:9")
os.environ.setdefault("KWAI_APP_KEY", "ks700000000000000001")
os.environ.setdefault("KWAI_APP_SECRET", "APPSECRET_demo_0001")
os.environ.setdefault("KWAI_SIGN_SECRET", "SIGNSECRET_demo_0001")
os.environ.setdefault("KWAI_MESSAGE_KEY", "AAECAwQFBgcICQoLDA0ODw==")

from erp.settings.base import *  # noqa: F403

# A file, because Django's shared in-memory default locks whole tables between threads.
_SUFFIX = os.environ.get("TEST_DB_SUFFIX", "")
_IS_SQLITE = DATABASES["default"]["ENGINE"] == "erp.runtime.sqlite"  # noqa: F405
DATABASES["default"]["TEST"] = {  # noqa: F405
    "NAME": str(BASE_DIR / f".test{_SUFFIX}.sqlite3") if _IS_SQLITE else f"test_erp{_SUFFIX}"  # noqa: F405
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
# However slow the machine is, a small work is done by its own request.
WORK_FIRST_SECONDS = 60.0
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
if not REDIS_URL and "BROKER_DIR" not in os.environ:  # noqa: F405
    # A wake-up of a test must not reach the worker of an ERP that runs from this folder.
    CELERY_BROKER_URL = "memory://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {}
if "OUTBOX_THREADS" not in os.environ:
    # A test sees its rows in its own transaction alone.
    OUTBOX_THREADS = 1
