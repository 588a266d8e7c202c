"""The processes of an installation, as `manage.py up` and measurements start them."""

from __future__ import annotations

from django.conf import settings

from erp.runtime.supervisor import tethered


def worker_command() -> list[str]:
    """The one worker of a machine, with every queue."""
    pool = ("-P", "threads", "-c", "8") if settings.EMBEDDED else ("-c", "4")
    queues = ("-Q", ",".join(settings.QUEUES))
    return [
        *tethered("celery", "-A", "erp", "worker", *pool, *queues),
        *("--without-gossip", "--without-mingle", "-l", "WARNING"),
    ]
