"""How long a new order of the platform takes to stand on a page somebody has open, without a click.

`make bench-fresh`, `make bench-fresh ARGS="--runs 40"`. Starts a demonstration of its own, whose store
receives by itself. A real browser shows *Pedidos no e-commerce* and *Pedidos de venda*; orders are made in
the sandbox, in turn with its push messages delivered and with every one dropped, which leaves polling
alone, each at a random moment of the polling period. Counted are the seconds from the creation's answer to
the row on the page. The last line is one JSON object: `pushed_p95_s` and `polled_p95_s` of the slower page,
`period_s` the polling period, and each page.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import defaultdict
from typing import Any

from playwright.sync_api import Page

from benchmarks.demonstration import MERCHANT, Demonstration, chromium, demonstration

PAGES = ("pedidos-no-e-commerce", "pedidos")
# Every order can be received: what waits for a link is not what is measured.
LINKED = "CAM-BAS-M"
WAYS = {"pushed": 0, "polled": 1}
LONGEST_SECONDS = 120
Seconds = dict[str, dict[str, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20, help="orders of each way")
    runs = parser.parse_args().runs
    with demonstration() as shown, chromium() as browser:
        shown.step("connect")
        period = float(shown.step("period"))
        context = browser.new_context(locale="pt-BR", timezone_id="America/Sao_Paulo")
        shown.sign_in(context.new_page())
        pages = {name: context.new_page() for name in PAGES}
        for name, page in pages.items():
            page.goto(f"{shown.erp}/{name}/")
        seconds_until_visible(shown, pages)  # the first poll brings the whole history
        found = measured(shown, pages, runs, period)
    figures: dict[str, Any] = {
        f"{way}_p95_s": max(each["p95_s"] for each in pages_of(seconds).values())
        for way, seconds in found.items()
    }
    figures |= {"period_s": period, "runs": runs, "load": round(os.getloadavg()[0], 1)}
    print(json.dumps(figures | {way: pages_of(seconds) for way, seconds in found.items()}))


def measured(shown: Demonstration, pages: dict[str, Page], runs: int, period: float) -> Seconds:
    """Seconds by way and page; the two ways take turns, so that both meet the same machine."""
    found: Seconds = {way: defaultdict(list) for way in WAYS}
    for _ in range(runs):
        for way, drop_rate in WAYS.items():
            shown.sandbox("PUT", "pushes", {"dropRate": drop_rate})
            # Else every order would be made as long before the next poll as the one before.
            time.sleep(random.uniform(0, period))  # noqa: S311
            for name, seconds in seconds_until_visible(shown, pages).items():
                found[way][name].append(seconds)
    return found


def seconds_until_visible(shown: Demonstration, pages: dict[str, Page]) -> dict[str, float]:
    body = {"merchantId": MERCHANT, "skus": [{"number": LINKED, "quantity": 1}]}
    (order_id,) = shown.sandbox("POST", "orders", body)["orderIds"]
    started = time.monotonic()
    found: dict[str, float] = {}
    while len(found) < len(pages):
        for name, page in pages.items():
            if name not in found and page.locator("[data-rows] > tr", has_text=order_id).first.is_visible():
                found[name] = time.monotonic() - started
        if time.monotonic() - started > LONGEST_SECONDS:
            raise SystemExit(f"order {order_id} did not appear on every page: {found}")
        time.sleep(0.02)
    return found


def pages_of(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "median_s": round(sorted(own)[len(own) // 2], 2),
            "p95_s": round(sorted(own)[-(-len(own) * 95 // 100) - 1], 2),
            "max_s": round(max(own), 2),
        }
        for name, own in seconds.items()
    }


if __name__ == "__main__":
    main()
