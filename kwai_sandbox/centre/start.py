"""The landing page: what this is and three things to try."""

from __future__ import annotations

from flask import render_template

from kwai_sandbox import oauth, orders
from kwai_sandbox.centre.blueprint import blueprint
from kwai_sandbox.clock import MINUTE, now_ms
from kwai_sandbox.gateway import emulator
from kwai_sandbox.ledger import ledger_doubled

LATEST_ORDERS = 6


@blueprint.get("/")
def index() -> str:
    """*Início*."""
    sandbox = emulator()
    grants = oauth.grants_list(sandbox.state)
    return render_template(
        "start.html",
        orders=orders.orders_latest(sandbox.state, None, LATEST_ORDERS),
        connected=[grant["merchantId"] for grant in grants if not grant["revoked"]],
        total=sandbox.state.count("SELECT count(*) FROM orders"),
        recent=len(sandbox.stats.calls_since(now_ms() - MINUTE)),
        writes=sandbox.state.count("SELECT count(*) FROM ledger WHERE applied = 1"),
        doubled=len(ledger_doubled(sandbox.state)),
    )
