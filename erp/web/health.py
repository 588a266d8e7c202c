"""Is it alive, is it ready: for load balancers, supervisors and people. Public, so it names no host, no user
and no error text."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from erp import __version__, scheduling
from erp.outbox import selectors
from erp.runtime.storage import storage_trouble

logger = logging.getLogger(__name__)

DATABASE_MS = 2000
CONNECT_SECONDS = 3
# The code of a running process does not change: once its migrations are applied they are not read again.
_applied = False


@never_cache
@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 with the version while this process answers at all; asks nobody else."""
    return JsonResponse({"status": "ok", "version": __version__})


@never_cache
@login_not_required
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served and what they ask for is being carried out, else 503.

    `checks` tells each part: database, broker, whether what is written is taken (storage: `disk_full`,
    `read_only`), migrations still to be applied, and the seconds the oldest push has been due. Every part has
    its own time limit.
    """
    checks = {name: checked(check) for name, check in ALWAYS.items()}
    if checks["database"]["ok"]:
        checks["migrations"] = checked(_migrations)
        checks["oldest_job"] = checked(_oldest_job)
    ready = all(check["ok"] for check in checks.values())
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


def checked(check: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    started = time.monotonic()
    try:
        found = {"ok": True, **check()}
    except Exception as error:
        # The text of a database or broker error names hosts and users.
        logger.warning("Not ready: %s failed with %s", check.__name__.strip("_"), type(error).__name__)
        found = {"ok": False, "error": type(error).__name__}
    return found | {"ms": round((time.monotonic() - started) * 1000)}


def _database() -> Mapping[str, Any]:
    """Over a connection of its own: one kept open from before hangs when its server is there and stopped
    answering, and no limit that the server watches over ends that."""
    fresh = connection.copy()
    if fresh.vendor == "postgresql":
        fresh.settings_dict["OPTIONS"]["connect_timeout"] = CONNECT_SECONDS
    try:
        with fresh.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        fresh.close()
    return {}


@contextmanager
def _quickly() -> Iterator[None]:
    """Statements that PostgreSQL gives up instead of hanging. SQLite gets no transaction, which would wait
    for whoever writes; reading waits for nobody there."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(DATABASE_MS)])
        yield


def _broker() -> Mapping[str, Any]:
    scheduling.broker_check()
    return {}


def _storage() -> Mapping[str, Any]:
    trouble = storage_trouble()
    return {"ok": False, "error": trouble.value} if trouble else {}


# On a full disk SQLite may not even be opened: the storage says why the database does not answer.
ALWAYS = {"database": _database, "broker": _broker, "storage": _storage}


def _migrations() -> Mapping[str, Any]:
    global _applied
    if _applied:
        return {"pending": 0}
    executor = MigrationExecutor(connection)
    pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    _applied = not pending
    return {"ok": not pending, "pending": pending}


def _oldest_job() -> Mapping[str, Any]:
    with _quickly():
        seconds = selectors.oldest_due_seconds()
    return {"ok": seconds <= settings.READY_OLDEST_JOB_SECONDS, "seconds": round(seconds)}
