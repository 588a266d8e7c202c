"""The Celery application; tasks live in each app's `tasks.py`."""

import os
from typing import Any

from celery import Celery, Task

from erp import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.base")


class TracedTask(Task):  # type: ignore[type-arg]
    """Runs under the id of the request that rang for it, else under one of its own."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with tracing.bound(self._told() or tracing.current()):
            return super().__call__(*args, **kwargs)

    def _told(self) -> object:
        headers = self.request.headers or {}
        return headers.get(tracing.MESSAGE_HEADER) or getattr(self.request, tracing.MESSAGE_HEADER, None)


app = Celery("erp", task_cls=TracedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
