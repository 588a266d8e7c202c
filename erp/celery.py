"""The Celery application; tasks live in each app's `tasks.py`."""

import os
from fnmatch import fnmatch
from typing import Any

from celery import Celery, Task
from celery.signals import import_modules, worker_shutting_down
from django.conf import settings
from django.db import Error
from kombu.transport import TRANSPORT_ALIASES

from erp import scheduling, tracing
from erp.settings.checks import start_check

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.base")


class TracedTask(Task):  # type: ignore[type-arg]
    """Runs under the id of the request that woke its worker, else under one of its own. Where nothing can be
    written the log says that, instead of a traceback for each task: the rows wait for the next wake-up."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with tracing.bound(self._told() or tracing.current()):
            try:
                return super().__call__(*args, **kwargs)
            except (Error, OSError) as error:
                from erp.runtime.storage import trouble_seen

                if trouble_seen(error) is None:
                    raise

    def _told(self) -> object:
        headers = self.request.headers or {}
        return headers.get(tracing.MESSAGE_HEADER) or getattr(self.request, tracing.MESSAGE_HEADER, None)


class QueueLimits:
    """Gives each task the time limits of the queue it is routed to."""

    def annotate(self, task: Any) -> dict[str, int]:
        soft, hard = settings.QUEUE_LIMITS[_queue_of(task.name)]
        return {"soft_time_limit": soft, "time_limit": hard}


def _queue_of(name: str) -> str:
    routes = (route["queue"] for pattern, route in app.conf.task_routes.items() if fnmatch(name, pattern))
    return str(next(routes, app.conf.task_default_queue))


TRANSPORT_ALIASES["folder"] = "erp.runtime.folder_broker:FolderTransport"

app = Celery("erp", task_cls=TracedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_annotations = (QueueLimits(),)
app.autodiscover_tasks()


@import_modules.connect
def _settings_check(**_: Any) -> None:
    """Sent in worker and beat before they begin, after Celery has set Django up."""
    start_check()


@worker_shutting_down.connect
def _stop_soon(**_: Any) -> None:
    """SIGTERM: what is under way ends well, nothing new is begun."""
    scheduling.stop_soon()
