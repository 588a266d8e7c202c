"""K4 and K9. Death exactly between each pair of steps of a push, and the three guards that make it harmless:
without one of them the same scenario is red each time, so that the suite would see the fault."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from erp.channels import ChannelAction
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptAction, JobState
from invoices.models import Invoice
from tests.chaos.world import (
    DRAIN_SECONDS,
    Trial,
    Verdict,
    all_done,
    done,
    judged,
    limits_lift,
    of_sandbox,
    started,
)
from tests.kwai_integration.outbound.conftest import Desk, desk, kwai, kwai_store, labels_dir, sku, wakes

__all__ = ["desk", "kwai", "kwai_store", "labels_dir", "sku", "wakes"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

ORDERS = 24
# In the order of a push's life; `tests.chaos.wrapped` says where in the engine each is.
STEPS = (
    "asked", "claiming", "claimed", "attempted", "confirming", "confirmed", "sent", "told", "settling", "settled",
)  # fmt: skip
# Died after its claim was kept and before its end was: it is read back before anything is written again.
READ_BACK = STEPS[STEPS.index("claimed") : STEPS.index("settled")]
LEASE = "2"


class Engine:
    """Processes of the push engine, one after the other, on one store."""

    def __init__(self, desk: Desk, folder: Path, *, threads: int) -> None:
        self.sandbox = desk.kwai.sandbox
        self.store_id, self.threads, self.trail = desk.kwai.store.pk, threads, folder / "trail"
        self.settings = {
            "OUTBOX_LEASE_SECONDS": LEASE,
            "OUTBOX_THREADS": "4" if threads > 1 else "1",
            "OUTBOX_STORE_CONCURRENCY": "8",
            **of_sandbox(self.sandbox),
            **limits_lift(self.sandbox),
        }

    def push(self, **plan: object):
        return self._run("engine", str(self.store_id), str(self.threads), **plan)

    def ask(self, invoice: Invoice, **plan: object):
        return self._run("ask", str(invoice.pk), **plan)

    def _run(self, *arguments: str, **plan: object):
        given = {"trail": str(self.trail), **plan}
        return started(["-m", "tests.chaos.wrapped", *arguments], self.settings, given)


def ended(process, code: int = 0) -> None:
    assert process.wait(timeout=DRAIN_SECONDS) == code


def test_k4_death_between_each_pair_of_steps(desk: Desk, tmp_path: Path) -> None:
    trial = Trial("K4")
    engine = Engine(desk, tmp_path, threads=2)
    shipments = desk.shipped(desk.orders(ORDERS))
    desk.ask(ChannelAction.SEND_TRACKING, *(shipment.pk for shipment in shipments))
    died: dict[str, int] = {}
    for step in STEPS:
        with engine.push(at=step, **{"pass": trial.chance.randrange(3)}) as process:
            ended(process, -signal.SIGKILL)
        died[step] = int(engine.trail.read_text())
        trial.kills += 1
    trial.last_fault()
    with engine.push() as process:
        ended(process)
    assert all_done()
    for step in READ_BACK:
        tries = PushAttempt.objects.filter(job=died[step])
        assert tries.filter(action=AttemptAction.VERIFY).exists(), step
    trial.judge(engine.sandbox, 2 * ORDERS, steps=len(STEPS))


def noted(desk: Desk) -> Invoice:
    (order,) = desk.orders(1)
    return desk.invoice(order)


def died_after_sending(desk: Desk, folder: Path, **plan: object) -> Verdict:
    """K4, *sent*: Kwai has the note, and the worker dies before it could write that down."""
    engine, invoice = Engine(desk, folder, threads=1), noted(desk)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    with engine.push(at="sent") as process:
        ended(process, -signal.SIGKILL)
    with engine.push(**plan) as process:
        ended(process)
    return judged(engine.sandbox, 1)


def asked_by_two(desk: Desk, folder: Path, **plan: object) -> Verdict:
    """K4, *requested*: who asked dies before the answer, and asks once more when the push is through."""
    engine, invoice = Engine(desk, folder, threads=1), noted(desk)
    for number in range(2):
        own = {**plan, "suffix": f"#{number}"}
        with engine.ask(invoice, at="requested", **own) as process:
            ended(process, -signal.SIGKILL)
        with engine.push(**own) as process:
            ended(process)
    return judged(engine.sandbox, 1)


def taken_for_dead(desk: Desk, folder: Path, **plan: object) -> Verdict:
    """K4, *confirming*: right before its write a worker stands still until another has taken its push over, and
    goes on."""
    engine, invoice = Engine(desk, folder, threads=1), noted(desk)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    with engine.push(at="confirming", deed="stop", **plan) as slow:
        os.waitpid(slow.pid, os.WUNTRACED)
        assert PushJob.objects.get().state == JobState.CLAIMED
        with engine.push() as process:
            ended(process)
        assert done() == 1
        os.kill(slow.pid, signal.SIGCONT)
        ended(slow)
    return judged(engine.sandbox, 1)


SCENARIOS = {
    "fence": taken_for_dead,
    "unique key": asked_by_two,
    "verification": died_after_sending,
}


@pytest.mark.long
@pytest.mark.parametrize("guard", SCENARIOS)
def test_k9_without_a_guard_its_scenario_is_red(desk: Desk, tmp_path: Path, guard: str) -> None:
    verdict = SCENARIOS[guard](desk, tmp_path, without=guard)
    assert verdict.doubled, verdict
    assert not verdict.lost


@pytest.mark.long
@pytest.mark.parametrize("guard", SCENARIOS)
def test_k9_with_it_the_scenario_is_green(desk: Desk, tmp_path: Path, guard: str) -> None:
    trial = Trial(f"K9 {guard}")
    trial.conclude(SCENARIOS[guard](desk, tmp_path))
