"""What the ERP did here: its calls in the last minutes, and everything it wrote."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request

from kwai_sandbox.centre.blueprint import blueprint
from kwai_sandbox.clock import MINUTE, now_ms
from kwai_sandbox.gateway import emulator
from kwai_sandbox.ledger import ledger_doubled, ledger_latest
from kwai_sandbox.stats import SeenCall

SHOWN_CALLS = 150
SHOWN_WRITES = 300
WINDOW_MINUTES = 15
READS = ("query", "get", "listItem")


@dataclass
class Group:
    """Equal reads in a row, told as one line."""

    seen: SeenCall
    times: int = 1

    @property
    def call(self) -> str:
        return self.seen.path.rsplit("/", 1)[-1]

    @property
    def is_read(self) -> bool:
        return self.call.startswith(READS)

    @property
    def went_well(self) -> bool:
        return self.seen.result == "200" and self.seen.fault is None

    def takes(self, seen: SeenCall) -> bool:
        same = (seen.text, seen.merchant_id, seen.result, seen.fault)
        return self.is_read and same == (
            self.seen.text, self.seen.merchant_id, self.seen.result, self.seen.fault,
        )  # fmt: skip


def grouped(calls: list[SeenCall], show: str) -> list[Group]:
    """Newest first; `show` is `writes`, `problems` or anything else for all."""
    groups: list[Group] = []
    for seen in reversed(calls):
        if groups and groups[-1].takes(seen):
            groups[-1].times += 1
            continue
        group = Group(seen)
        if (show == "writes" and group.is_read) or (show == "problems" and group.went_well):
            continue
        groups.append(group)
    return groups[:SHOWN_CALLS]


@blueprint.get("/centre/calls")
def calls() -> str:
    """*Chamadas do ERP*: the last minutes, newest first; the page renews itself unless asked to rest."""
    sandbox = emulator()
    show = request.args.get("mostrar", "")
    return render_template(
        "calls.html",
        groups=grouped(sandbox.stats.calls_since(now_ms() - WINDOW_MINUTES * MINUTE), show),
        minutes=WINDOW_MINUTES,
        show=show,
        resting="pausa" in request.args,
        stats=sandbox.stats.as_json(),
    )


@blueprint.get("/centre/writes")
def writes() -> str:
    """*Gravações*: the ledger, newest first, with what was done twice."""
    state = emulator().state
    doubled = set(ledger_doubled(state))
    only = request.args.get("mostrar", "")
    chosen = doubled if only == "doubled" else None
    return render_template(
        "writes.html",
        rows=ledger_latest(state, SHOWN_WRITES, applied=only == "applied", ids=chosen),
        total=state.count("SELECT count(*) FROM ledger"),
        applied=state.count("SELECT count(*) FROM ledger WHERE applied = 1"),
        doubled=doubled,
        show=only,
    )
