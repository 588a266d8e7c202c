"""Processes of the suite: the product's own code with shorter waits between tries and, where `CHAOS_PLAN` says
so, a death at one step of a push or without one guard. Nothing of this is in the product.

`python -m tests.chaos.wrapped celery …` is Celery, `… engine STORE_ID THREADS` pushes until nothing waits, and
`… ask INVOICE_ID` asks for the push of a note.

The plan: `delays` (seconds between tries), `at` (a name of `POINTS`), `pass` (how often it is passed before),
`deed` (`kill` or `stop`), `trail` (the file that tells which push it was), `without` (a name of `GUARDS`),
`suffix` (of the key, without the unique one), `renewal` (seconds of a lease on a token renewal), `ready` (the
folder where an engine leaves a file of its name before it begins) and `faked` (the clock is libfaketime's).
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

PLAN: dict[str, Any] = json.loads(os.environ.get("CHAOS_PLAN", "{}"))
PATIENCE = 150.0
_passes = iter(range(1_000_000))
_counting = threading.Lock()


def reached(job: Any) -> None:
    """The step is here. At the planned pass the process ends or stands still, at once and wholly."""
    with _counting:
        number = next(_passes)
    if number != PLAN.get("pass", 0):
        return
    Path(PLAN["trail"]).write_text(str(getattr(job, "pk", "")))
    os.kill(os.getpid(), signal.SIGSTOP if PLAN.get("deed") == "stop" else signal.SIGKILL)
    if PLAN.get("deed") != "stop":
        time.sleep(PATIENCE)


def before(place: Any, name: str) -> None:
    original = getattr(place, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        reached(_job_of(args, kwargs))
        return original(*args, **kwargs)

    setattr(place, name, wrapped)


def after(place: Any, name: str, when: Callable[..., bool] = lambda *args: True) -> None:
    original = getattr(place, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        answer = original(*args, **kwargs)
        if when(*args):
            reached(_job_of(args, kwargs))
        return answer

    setattr(place, name, wrapped)


def _job_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Functions of the engine take the push itself, a row of it, or a context that names it."""
    given = kwargs.get("job", args[0] if args else None)
    if isinstance(given, (list, tuple)):
        given = given[0]
    contexts = [getattr(one, "job", None) for one in args]
    return next((job for job in contexts if job is not None), given)


def at_attempt() -> None:
    from erp.outbox import drain

    original = drain._attempt

    @contextmanager
    def wrapped(context: Any, action: Any) -> Iterator[Any]:
        with original(context, action) as row:
            reached(context.job)
            yield row

    drain._attempt = wrapped


def at_answer() -> None:
    from erp.outbox import handlers

    def wrapped(send: Callable[..., Any]) -> Callable[..., Any]:
        def sent(loaded: Any, context: Any) -> Any:
            answer = send(loaded, context)
            reached(context.job)
            return answer

        return sent

    for handler in list(handlers._handlers.values()):
        handlers.register(replace(handler, send=wrapped(handler.send)))


def at(module: str, name: str, wrap: Callable[..., None], **options: Any) -> Callable[[], None]:
    def install() -> None:
        __import__(module)
        wrap(sys.modules[module], name, **options)

    return install


# In the order of a push's life: the row is there, claimed, committed, tried, allowed, sent, told, settled,
# committed.
POINTS: dict[str, Callable[[], None]] = {
    "asked": at("erp.outbox.claim", "_take", before),
    "claiming": at("erp.outbox.claim", "_take", after),
    "claimed": at("erp.outbox.drain", "push", before),
    "attempted": at_attempt,
    "confirming": at("erp.outbox.claim", "lease_renew", before),
    "confirmed": at("erp.outbox.claim", "lease_renew", after),
    "sent": at_answer,
    "told": at("erp.outbox.drain", "_written", after),
    "settling": at("erp.outbox.settle", "_finish", after, when=lambda row, state: state == "done"),
    "settled": at("erp.outbox.settle", "settle_done", after),
    "requested": at("kwai_integration.outbound.push_requests", "facts_request", after),
}


def without_fence() -> None:
    from erp.outbox import claim, settle
    from erp.outbox.models import PushJob

    claim.lease_renew = lambda *, job: True
    settle._fenced = lambda job: settle.locked(PushJob.objects.filter(pk=job.pk)).first()


def without_key() -> None:
    """Keys that tell nothing apart: each request has one of its own."""
    from erp.outbox.push_requests import FactRequest

    original = FactRequest.key.fget
    assert original is not None
    FactRequest.key = property(lambda self: original(self) + PLAN["suffix"])


def without_verification() -> None:
    from erp.outbox import handlers

    for handler in list(handlers._handlers.values()):
        handlers.register(replace(handler, is_satisfied=None))


GUARDS: dict[str, Callable[[], None]] = {
    "fence": without_fence,
    "unique key": without_key,
    "verification": without_verification,
}


def apply() -> None:
    from erp.outbox import policy
    from kwai_integration.models import KwaiAccount

    delays = [timedelta(seconds=seconds) for seconds in PLAN["delays"]]
    policy.DELAYS = (*delays, *delays[-1:] * 10)
    policy.READ_DELAYS = policy.DELAYS
    policy.LATE_DELAY = delays[-1]
    if "renewal" in PLAN:
        KwaiAccount.lease_length = staticmethod(lambda: timedelta(seconds=PLAN["renewal"]))
    if "without" in PLAN:
        GUARDS[PLAN["without"]]()
    if "at" in PLAN:
        POINTS[PLAN["at"]]()


def engine(store_id: int, threads: int) -> None:
    """What worker and sweep do, without their messages, until nothing waits."""
    from django.db import connections
    from django.db.utils import OperationalError

    from erp.outbox.drain import drain
    from erp.outbox.models import PushJob
    from erp.outbox.reap import reap

    ends = time.monotonic() + PATIENCE
    if "ready" in PLAN:
        (Path(PLAN["ready"]) / str(os.getpid())).touch()

    def work() -> None:
        try:
            while PushJob.objects.filter(state__in=["pending", "claimed"]).exists():
                if time.monotonic() > ends:
                    raise SystemExit("waited too long")
                try:
                    reap()
                    drain(store_id=store_id)
                except OperationalError as error:
                    # A task that fails so is left to the next wake-up.
                    print(f"engine: {error}", file=sys.stderr)  # noqa: T201
                time.sleep(0.1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        for one in [pool.submit(work) for _ in range(threads)]:
            one.result()


def ask(invoice_id: int) -> None:
    from erp.outbox.statuses import Origin
    from invoices.models import Invoice
    from kwai_integration.outbound.push_requests import invoices_request

    invoices_request(Invoice.objects.filter(pk=invoice_id), user=None, origin=Origin.BUTTON)


def faked_sleep(seconds: float) -> None:
    """The library refuses the sleep that Python takes until an instant of the monotonic clock."""
    select.select([], [], [], seconds)


def main(mode: str, *arguments: str) -> None:
    if PLAN.get("faked"):
        # Before anybody imports it by name.
        time.sleep = faked_sleep
    import django

    django.setup()
    apply()
    if mode == "celery":
        from celery.__main__ import main as celery

        sys.argv = ["celery", *arguments]
        celery()
        return
    from erp import scheduling

    scheduling._send = lambda task, kwargs: None
    {"engine": engine, "ask": ask}[mode](*map(int, arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
