"""Celery: messages only wake workers, rows are the truth.

Without `REDIS_URL` the embedded default serves everything over a folder.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from celery.schedules import schedule
from kombu import Exchange, Queue

from erp.settings import environment
from erp.settings.environment import ROOT, fitting, fitting_url, shared_env

env = shared_env()
VAR_DIR = ROOT / "var"

_REDIS = rf"{environment.SERVER_LOGIN}(?:/\d*)?"
_REDIS_URL = rf"redis://{_REDIS}|rediss://{_REDIS}\?ssl_cert_reqs=(?:required|optional|none)"
REDIS_URL = env.value(
    "REDIS_URL",
    "",
    partial(fitting_url, _REDIS_URL),
    "não é um endereço de Redis: escreva, por exemplo, `REDIS_URL=redis://servidor:6379/0` ou, com TLS, "
    "`REDIS_URL=rediss://usuario:senha@servidor:6379/0?ssl_cert_reqs=required`",
)
EMBEDDED = not REDIS_URL

BROKER_DIR = env.folder("BROKER_DIR", VAR_DIR / "broker", used=EMBEDDED)

if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "visibility_timeout": 900,
        "unacked_restore_interval": 10,
        # kombu sweeps every interval x throttle: without this, each 100 s.
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 1,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
    CELERY_WORKER_POOL = "prefork"
else:
    CELERY_BROKER_URL = "folder://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,
    }
    CELERY_WORKER_POOL = "threads"

# Each queue with a key of its own: under the default key every message would reach every queue.
QUEUES = ("push", "inbound", "invoices", "labels", "work", "maint")
CELERY_TASK_QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in QUEUES]
CELERY_TASK_DEFAULT_QUEUE = "maint"
CELERY_TASK_ROUTES = {
    "erp.outbox.tasks.drain": {"queue": "push"},
    "kwai_integration.tasks.poll": {"queue": "inbound"},
    "kwai_integration.tasks.receive": {"queue": "inbound"},
    "kwai_integration.tasks.judge": {"queue": "inbound"},
    "kwai_integration.tasks.reprocess": {"queue": "inbound"},
    "invoices.tasks.*": {"queue": "invoices"},
    "expedition.tasks.labels_fetch": {"queue": "labels"},
    "erp.work.tasks.run": {"queue": "work"},
    "kwai_integration.tasks.refresh_tokens": {"queue": "inbound"},
    "kwai_integration.tasks.events": {"queue": "inbound"},
    "kwai_integration.tasks.app_probe": {"queue": "inbound"},
}
# Seconds a task of each queue may take: told first, then ended. `erp.celery` gives each task the
# limits of its queue. The threads pool knows none: there the deadline of a call is what bounds it.
QUEUE_LIMITS = {
    "push": (50, 55),
    "inbound": (110, 120),
    "invoices": (110, 120),
    "labels": (570, 600),
    "work": (110, 120),
    "maint": (570, 600),
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "America/Sao_Paulo"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

CELERY_BEAT_SCHEDULER = "erp.runtime.beat:Scheduler"
# How often due polls are looked for.
PLAN_SECONDS = 3.0

# A tick that waited longer than its period is worthless: the next one does the same work.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "outbox-sweep": {
        "task": "erp.outbox.tasks.sweep",
        "schedule": schedule(5.0),
        "options": {"queue": "maint", "expires": 10},
    },
    # Each hour it is seen whether the copy of this night is there.
    "backup-nightly": {
        "task": "erp.runtime.tasks.backup_nightly",
        "schedule": schedule(3600.0),
        "options": {"queue": "maint", "expires": 3600},
    },
    "statistics": {
        "task": "erp.runtime.tasks.statistics_refresh",
        "schedule": schedule(900.0),
        "options": {"queue": "maint", "expires": 900},
    },
    "attention-mail": {
        "task": "erp.attention.tasks.mail",
        "schedule": schedule(30.0),
        "options": {"queue": "maint", "expires": 60},
    },
    "kwai-plan": {
        "task": "kwai_integration.tasks.plan",
        "schedule": schedule(PLAN_SECONDS),
        "options": {"queue": "maint", "expires": 10},
    },
    "kwai-retention": {
        "task": "kwai_integration.tasks.expire",
        "schedule": schedule(3600.0),
        "options": {"queue": "maint", "expires": 3600},
    },
    "invoices-issues": {
        "task": "invoices.tasks.issues_sweep",
        "schedule": schedule(10.0),
        "options": {"queue": "invoices", "expires": 20},
    },
    "expedition-labels": {
        "task": "expedition.tasks.labels_fetch",
        "schedule": schedule(10.0),
        "options": {"queue": "labels", "expires": 20},
    },
    "expedition-labels-retention": {
        "task": "expedition.tasks.labels_erase",
        "schedule": schedule(3600.0),
        "options": {"queue": "maint", "expires": 3600},
    },
    "work-sweep": {
        "task": "erp.work.tasks.sweep",
        "schedule": schedule(5.0),
        "options": {"queue": "maint", "expires": 10},
    },
    "work-retention": {
        "task": "erp.work.tasks.expire",
        "schedule": schedule(3600.0),
        "options": {"queue": "maint", "expires": 3600},
    },
    "outbox-retention": {
        "task": "erp.outbox.tasks.expire",
        "schedule": schedule(3600.0),
        "options": {"queue": "maint", "expires": 3600},
    },
}

# Push engine. Seconds unless the name says otherwise.
OUTBOX_LEASE_SECONDS = env.whole("OUTBOX_LEASE_SECONDS", 60, 1, 3_600)
OUTBOX_STORE_CONCURRENCY = env.whole("OUTBOX_STORE_CONCURRENCY", 4, 1, 100)
# How many pushes one task has under way at once.
OUTBOX_THREADS = env.whole("OUTBOX_THREADS", 4, 1, 100)
OUTBOX_RETRY_HOURS = env.whole("OUTBOX_RETRY_HOURS", 72, 1, 720)
OUTBOX_COALESCE_SECONDS = env.number("OUTBOX_COALESCE_SECONDS", 2.0, 0, 60)
# Long work in front of a person (`erp/work`): how long a worker holds one without a sign of life, and how
# long the request of the click itself works at it, so that what is small is done at once.
WORK_LEASE_SECONDS = env.whole("WORK_LEASE_SECONDS", 60, 1, 3_600)
WORK_FIRST_SECONDS = 0.7
# When the platform's daily counters start again: 3 is midnight in São Paulo.
OUTBOX_DAY_STARTS_UTC_HOUR = env.whole("OUTBOX_DAY_STARTS_UTC_HOUR", 3, 0, 23)
# What a monitoring system sends to read /metrics; without it there is no such page.
METRICS_TOKEN = env.value(
    "METRICS_TOKEN",
    "",
    partial(fitting, re.compile("[!-~]{20,200}")),
    "não é uma palavra de 20 a 200 letras, números e sinais, sem espaço nem acento: gere uma, por exemplo "
    "com `openssl rand -hex 32`",
)
# /readyz says no when a push that could have been sent has waited for longer: no worker is at it.
READY_OLDEST_JOB_SECONDS = env.whole("READY_OLDEST_JOB_SECONDS", 900, 1, 604_800)
