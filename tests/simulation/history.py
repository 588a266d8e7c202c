"""One history: what the seed lets happen, then quiet, then whether everything came right."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from erp.accounts.models import User
from erp.outbox import tasks as outbox_tasks
from erp.outbox.push_requests import FactRequest
from erp.outbox.request import facts_request
from erp.outbox.statuses import FailureMode, JobState
from kwai_integration import tasks as channel_tasks
from kwai_integration.inbound.webhook import PushMessageRefused, event_accept
from kwai_integration.mapping.answers import token_pair_read
from kwai_integration.models import ConnectionHealth
from kwai_integration.names import names
from kwai_integration.setup.consent import _account_bind
from kwai_sandbox.pushes import push_encrypt
from tests.kwai_integration.codes import PAID
from tests.simulation.world import World

TASKS = {
    f"{module.__name__}.{name}": getattr(module, name).run
    for module, tasks in (
        (outbox_tasks, ("drain", "sweep")),
        (channel_tasks, ("plan", "poll", "receive", "events", "refresh_tokens", "app_probe")),
    )
    for name in tasks
}
SWEEP, PLAN = "erp.outbox.tasks.sweep", "kwai_integration.tasks.plan"
# What a history is about: whether there are pushes, and whether orders are read.
THEMES = {"pushes": (1, 0), "reads": (0, 1), "pair": (1, 0), "both": (1, 1)}
MOST_WORKERS = 4
LONGEST_NAP = 2.0
MOST_TASKS = 200
EVENTS = (8, 24)
JUMPS = (2.0, 35.0, 70.0, 70.0, 200.0, 1_800.0)
# Whoever was at work then hangs for so much longer: others find what it left.
HANGS = (0.0, 100.0, 100.0, 1_000.0)
# By so much this machine's clock may be wrong; more, and the platform refuses every call.
WRONG = (-20.0, 50.0, 240.0)
# After the faults: how far apart somebody looks until nothing is left to do.
LOOKS = (70.0, 70.0, 70.0, 400.0, 400.0, 1_300.0, 3_700.0, 3_700.0, 15_000.0, 44_000.0, 44_000.0)


@dataclass
class History:
    """`problems` is empty when every promise was kept. `theme`: one of THEMES, else the seed draws it."""

    world: World
    seed: int
    theme: str = ""
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The dice of what happens; those of where workers stop and what calls meet are the baton's.
        self.dice = random.Random(f"events {self.seed}")
        self.baton, self.platform, self.clock = self.world.baton, self.world.platform, self.world.clock
        self.asked: set[str] = set()
        self.offered = dict(self.world.chains)
        self.watermark = _stored(0)
        self.done: set[int] = set()

    def run(self) -> list[str]:
        self.world.restore(self.seed)
        try:
            self._profile()
            for _ in range(self.dice.randint(*EVENTS)):
                self.dice.choices(self.events, self.weights)[0]()
                self._look()
            self._calm()
            self._drain()
            self._judge()
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self.baton.kill_all()
        return [*self.platform.broken, *self.problems]

    # --- what may happen

    def _profile(self) -> None:
        """Each seed has likes of its own, so that rare things meet often in some histories."""
        theme = self.theme or self.dice.choices(list(THEMES), (5, 2, 2, 1))[0]
        pushes, reads = THEMES[theme]
        self.is_read = bool(reads)
        self.baton.yields = self.dice.choice((0.02, 0.1, 0.3))
        self.platform.fault_rate = self.dice.choice((0.0, 0.1, 0.4))
        menu: list[tuple[Callable[[], None], float]] = [
            (self._resume, 8),
            (self._deliver, 5),
            (partial(self._task, SWEEP), pushes),
            (partial(self._task, PLAN), reads),
            (self._ask, pushes),
            (self._kill, self.dice.choice((0, 1, 2))),
            (self._jump, self.dice.choice((2, 4))),
            (self._message_lost, 0.3),
            (self._order_new, reads),
            (self._order_changed, 2 * reads),
            (self._order_cancelled, self.dice.choice((0, 0, 0.5))),
            (self._token_dies, self.dice.choice((0, 0, 0.5))),
            (self._clock_wrong, self.dice.choice((0, 0, 0, 0.5))),
        ]
        self.events, self.weights = zip(*menu, strict=True)
        if theme == "pair":
            self._pair_ends()
        self._begin(pushes, 2 if theme == "pair" else self.dice.choice((1, 2)))

    def _begin(self, pushes: int, orders: int) -> None:
        if not pushes:
            self._task(PLAN)
            return
        # Few orders, so that what meets meets there; mostly the one with the longest way to go.
        first, *others = self.offered
        chosen = [first if self.dice.random() < 0.7 else others.pop()]
        chosen += self.dice.sample(others, orders - 1)
        self.offered = {order_id: self.offered[order_id] for order_id in chosen}
        for order_id in chosen:
            self._ask(order_id)
            self._task(SWEEP)

    def _pair_ends(self) -> None:
        """The platform ended the access token early, or its end is so near that the next call renews it."""
        if self.dice.random() < 0.7:
            self._token_dies()
            return
        self.platform.access_ends = self.clock.true + 300
        ends = _stored(self.platform.access_ends)
        self.world.select("UPDATE kwai_integration_kwaiaccount SET access_expires_at = %s", ends)

    def _resume(self) -> None:
        """Somebody goes on. While all hang, another comes to look for work; who only naps is waited for."""
        if runnable := self.baton.runnable():
            self._turn(self.dice.choice(runnable))
            return
        naps = min((worker.wakes_at for worker in self.baton.living), default=0.0) - self.clock.true
        if 0 < naps < LONGEST_NAP:
            self.clock.advance(naps)
        else:
            self._task(PLAN if self.is_read and self.dice.random() < 0.5 else SWEEP)

    def _turn(self, worker: Any) -> None:
        self.baton.resume(worker)
        if worker.dead:
            self.platform.worker_ended(worker)

    def _start(self, name: str, work: Callable[[], object]) -> None:
        if len(self.baton.living) < MOST_WORKERS:
            self._turn(self.baton.start(name, work))

    def _task(self, name: str, **kwargs: Any) -> None:
        self._start(name.rsplit(".", 1)[-1], partial(TASKS[name], **kwargs))

    def _deliver(self) -> None:
        """A message reaches a worker, in any order, at times twice."""
        if not self.world.messages:
            return self._resume()
        place = self.dice.randrange(len(self.world.messages))
        name, kwargs = self.world.messages[place]
        if self.dice.random() < 0.9:
            del self.world.messages[place]
        self._task(name, **kwargs)
        return None

    def _message_lost(self) -> None:
        if self.world.messages:
            del self.world.messages[self.dice.randrange(len(self.world.messages))]

    def _ask(self, order_id: str = "") -> None:
        """Facts of one order, the next ones of its chain, or known ones once more."""
        order_id = order_id or self.dice.choice(list(self.offered))
        chain = self.offered[order_id]
        begun = sum(request.key in self.asked for request in chain)
        if begun == len(chain) or (begun and self.dice.random() < 0.5):
            requests = chain[: max(begun, 1)]
        else:
            requests = chain[begun : self.dice.randint(begun + 1, len(chain))]
        self._start("ask", partial(self._facts_ask, requests))

    def _facts_ask(self, requests: list[FactRequest]) -> None:
        facts_request(requests=requests)
        self.asked.update(request.key for request in requests)

    def _kill(self) -> None:
        if not self.baton.living:
            return
        # Rather one whose call is on its way: what it changed is what the next has to find out.
        worker = self.dice.choice([one for one in self.baton.living if one.commits_to] or self.baton.living)
        if worker.commits_to == "pair":
            # A pair that it holds and has not stored is lost with it; nobody but the merchant can help then.
            self.platform.is_pair_lost = True
        self.baton.kill(worker)

    def _jump(self) -> None:
        """Time passes, and everybody stands still: a machine that slept, a worker that hung."""
        seconds = self.dice.choice(JUMPS)
        if seconds > 2:
            for worker in [worker for worker in self.baton.living if worker.commits_to]:
                while not worker.dead and worker.commits_to:
                    self.clock.advance(max(worker.wakes_at - self.clock.true, 0))
                    self._turn(worker)
            for worker in self.baton.living:
                worker.wakes_at = self.clock.true + seconds + self.dice.choice(HANGS)
        self.clock.advance(seconds)

    def _order_new(self) -> None:
        if len(self.platform.orders) < 5:
            self._push(self.platform.order_new())

    def _order_changed(self) -> None:
        """Something that pushes do not care about: it must arrive here all the same."""
        order_id = self.dice.choice(list(self.platform.orders))
        self.platform.order_change(order_id, buyerRemark=f"{self.clock.true}")
        self._push(order_id)

    def _order_cancelled(self) -> None:
        order_id = self.dice.choice(list(self.platform.orders))
        if self.platform.orders[order_id]["orderStatus"] <= PAID + 20:
            self.platform.order_cancel(order_id)
            self._push(order_id)

    def _push(self, order_id: str) -> None:
        """The platform tells of it, or not."""
        if self.dice.random() < 0.5:
            info = json.dumps({"orderId": order_id})
            message = {
                "eventId": f"{order_id}-{self.platform.orders[order_id]['updateTime']}", "event": "order_updated",
                "merchantId": "123", "info": info,
            }  # fmt: skip
            body = push_encrypt(json.dumps(message), settings.KWAI_MESSAGE_KEY).encode()
            self._start("webhook", partial(_heard, body))

    def _token_dies(self) -> None:
        self.platform.is_access_dead = True

    def _clock_wrong(self) -> None:
        self.platform.is_clock_fair = False
        self.clock.set_wrong(self.dice.choice(WRONG))

    def _look(self) -> None:
        """What must hold at every moment."""
        ((watermark,),) = self.world.select("SELECT watermark FROM kwai_integration_synccursor")
        if self.platform.is_clock_fair and watermark < self.watermark:
            self.problems.append("the watermark moved back")
        self.watermark = watermark
        done = {row[0] for row in self.world.select("SELECT id FROM outbox_pushjob WHERE state = 'done'")}
        if not done >= self.done:
            self.problems.append("what was confirmed is not confirmed any more")
        self.done = done

    # --- quiet

    def _calm(self) -> None:
        self.platform.fault_rate, self.baton.yields = 0.0, 0.0
        self.clock.set_wrong(0.0)
        self._finish_all()

    def _connection_mend(self) -> None:
        """Where a pair was lost the connection has ended, and the merchant consents anew."""
        ((health,),) = self.world.select("SELECT health FROM kwai_integration_kwaiaccount")
        if health != ConnectionHealth.OK:
            if not self.platform.is_revoked and not self.platform.is_pair_lost:
                self.problems.append(f"the connection ended by itself: {health}")
            self._consent()

    def _consent(self) -> None:
        pair = token_pair_read(self.platform.consent_renew(), names(), timezone.now(), is_first=True)
        user = User.objects.first()
        _account_bind(store_id=self.world.store_id, pair=pair, user=user)

    def _finish_all(self) -> None:
        while self.baton.living:
            worker = min(self.baton.living, key=lambda worker: worker.wakes_at)
            self.clock.advance(max(worker.wakes_at - self.clock.true, 0))
            self._turn(worker)

    def _drain(self) -> None:
        for place, seconds in enumerate(LOOKS):
            self._connection_mend()
            self.clock.advance(seconds)
            # The planner mends what pushes alone do not: it is asked as soon as they need longer.
            self._round((SWEEP, PLAN) if self.is_read or place else (SWEEP,))
            if not self._left_over():
                return
        self.problems += [f"left over: {what}" for what in self._left_over()]

    def _round(self, tasks: tuple[str, ...]) -> None:
        self.world.messages += [(name, {}) for name in reversed(tasks)]
        while self.world.messages:
            if self.baton.begun > MOST_TASKS:
                raise RuntimeError("tasks wake each other in circles")
            message = self.world.messages.pop()
            self.world.messages[:] = [other for other in self.world.messages if other != message]
            self._task(message[0], **message[1])
            self._finish_all()

    def _left_over(self) -> list[str]:
        rows = self.world.select(
            "SELECT kind, subject FROM outbox_pushjob WHERE state IN ('pending', 'claimed')"
        )
        # What the platform closed is refused, and the later steps wait behind that.
        waiting = [f"{kind} {subject}" for kind, subject in rows if subject not in self.platform.withdrawn]
        return waiting + (self._behind() if self.is_read else [])

    # --- whether it came right

    def _behind(self) -> list[str]:
        """Orders whose newest state is not here."""
        rows = self.world.select(
            "SELECT external_id, CAST(remote_status AS INTEGER), remote_updated_at, digest = received_digest"
            " FROM kwai_integration_kwaiorder"
        )
        here = {row[0]: row[1:] for row in rows}
        return [
            order_id
            for order_id, order in self.platform.orders.items()
            if here.get(order_id) != (order["orderStatus"], _stored(order["updateTime"] / 1000), 1)
        ]

    def _judge(self) -> None:
        doubled = "SELECT external_id FROM sales_order GROUP BY external_id HAVING count(*) > 1"
        self.problems += [f"order {row[0]} is here twice" for row in self.world.select(doubled)]
        told = (
            "SELECT kind, count(*) FROM sales_orderevent WHERE kind IN ('kwai.invoice', 'kwai.tracking', 'kwai.delivery')"
            " GROUP BY order_id, kind HAVING count(*) > 1"
        )
        self.problems += [f"{kind} is told {times} times" for kind, times in self.world.select(told)]
        for chain in self.offered.values():
            for request in chain:
                self._fact_judge(request)

    def _fact_judge(self, request: FactRequest) -> None:
        rows = self.world.select(
            "SELECT state, failure_mode FROM outbox_pushjob WHERE store_id = %s AND kind = %s AND subject = %s",
            request.store_id, str(request.kind), request.subject,
        )  # fmt: skip
        if len(rows) > 1:
            self.problems.append(f"{request.key} has {len(rows)} rows")
        if not rows and request.key in self.asked:
            self.problems.append(f"{request.key} was asked for and is nowhere")
        for state, mode in rows:
            arrived = self._arrivals(request)
            is_refused = request.subject in self.platform.withdrawn and mode in ("", FailureMode.REJECTED)
            if state == JobState.DONE and arrived != 1:
                self.problems.append(f"{request.key} is done and arrived {arrived} times")
            if state not in (JobState.DONE, JobState.PENDING) and not is_refused:
                self.problems.append(f"{request.key} ended as {state} {mode}")

    def _arrivals(self, request: FactRequest) -> int:
        call = {
            "send_invoice": "uploadInvoice",
            "send_tracking": "shipOrder",
            "confirm_delivery": "confirmDelivery",
        }
        name = call[str(request.kind).rsplit(".", 1)[-1]]
        counted = self.platform.applied.items()
        return sum(
            times for (made, subject, _), times in counted if (made, subject) == (name, request.subject)
        )


def _heard(body: bytes) -> None:
    with suppress(PushMessageRefused):
        event_accept(body)


def _stored(seconds: float) -> datetime:
    """An instant as the database has it."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
