"""How long a new order of the platform takes to stand on the ERP's screen, without a click.

Needs a running `make run` in demonstration mode with an active, connected store. Usage:
`.venv/bin/python benchmarks/order_visible.py [RUNS]`. The baseline is the polling period itself: an order
made right after a poll waits one whole period. The last line is one JSON object, in seconds.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import time
from pathlib import Path

import requests

MERCHANT = "100000000000000101"
ERP = f"http://127.0.0.1:{os.environ.get('ERP_PORT', '8000')}"
SANDBOX = f"http://127.0.0.1:{os.environ.get('SANDBOX_PORT', '8100')}"
PERIOD = float(os.environ.get("KWAI_POLL_SECONDS", "15"))


def sign_in() -> requests.Session:
    secrets = json.loads((Path(__file__).parent.parent / "var" / "demo.json").read_text())
    session = requests.Session()
    page = session.get(f"{ERP}/entrar/", timeout=10).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if token is None:
        raise SystemExit("no login form: is the demonstration running?")
    form = {"username": "demo", "password": secrets["password"], "csrfmiddlewaretoken": token[1]}
    session.post(f"{ERP}/entrar/", data=form, timeout=10).raise_for_status()
    return session


def seconds_until_visible(session: requests.Session) -> float:
    created = requests.post(
        f"{SANDBOX}/_sandbox/orders", json={"merchantId": MERCHANT, "count": 1}, timeout=10
    ).json()
    order_id = str(created["orderIds"][0])
    started = time.monotonic()
    while time.monotonic() - started < 4 * PERIOD:
        page = session.get(f"{ERP}/pedidos-no-e-commerce/", params={"q": order_id}, timeout=10)
        if f">{order_id}<" in page.text:
            return time.monotonic() - started
        time.sleep(0.2)
    raise SystemExit(f"order {order_id} did not appear within four periods")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    session = sign_in()
    found = []
    for _ in range(runs):
        found.append(seconds_until_visible(session))
        time.sleep(1.7)  # so that the runs start at different moments of the period
    print(  # noqa: T201
        json.dumps(
            {
                "runs": runs,
                "median_s": round(statistics.median(found), 1),
                "max_s": round(max(found), 1),
                "period_s": PERIOD,
            }
        )
    )


if __name__ == "__main__":
    main()
