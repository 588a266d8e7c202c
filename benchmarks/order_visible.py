"""How long a new order of the platform takes to stand on a page somebody has open, without a click.

    .venv/bin/python benchmarks/order_visible.py [RUNS]

Uses the demonstration (`make run`) that is running, else starts one and ends it; connects the first seller
when no store is. A real browser shows *Pedidos no e-commerce* and *Pedidos de venda*; orders are made in the
sandbox at random moments, in turn with its pushes delivered and with every push dropped, which leaves polling
alone: the baseline. The last line is one JSON object, in seconds.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import django
import requests
from playwright.sync_api import Page, sync_playwright

from erp.runtime import demo
from erp.runtime.supervisor import port_is_taken

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.base")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
os.environ["ERP_DEMO"] = "1"
demo.enter()
from erp.settings.mode import ERP_PORT, SANDBOX_PORT

ERP, SANDBOX = f"http://127.0.0.1:{ERP_PORT}", f"http://127.0.0.1:{SANDBOX_PORT}/_sandbox"
MERCHANT = "100000000000000101"
PAGES = ("pedidos-no-e-commerce", "pedidos")
START_SECONDS, LONGEST_SECONDS = 120, 90
# Runs start at different moments of the polling period, or every one would wait as long as the one before.
SPREAD_SECONDS = 15


@contextmanager
def demonstration() -> Iterator[None]:
    """The running one, or our own for as long as this lasts."""
    if port_is_taken(ERP_PORT):
        yield
        return
    process = subprocess.Popen([sys.executable, "manage.py", "up"], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + START_SECONDS
        while not (port_is_taken(ERP_PORT) and port_is_taken(SANDBOX_PORT)):
            if time.monotonic() > ends or process.poll() is not None:
                raise SystemExit("the demonstration did not start; see var/log")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(30)


def sandbox(method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(method, f"{SANDBOX}/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def store_connect() -> None:
    """An active store of the demonstration's company that receives its orders by itself."""
    django.setup()
    from erp.accounts.models import User
    from kwai_integration.client import gateway
    from kwai_integration.connection import account_store_pair
    from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings
    from kwai_integration.setup.stores import store_activate, store_install

    user = User.objects.get(username="demo")
    account = KwaiAccount.objects.filter(merchant_id=MERCHANT).select_related("store").first()
    if account is None:
        store = store_install(company=user.company, name="Kwai Shop", user=user)
        code = sandbox("POST", "grants", {"merchantId": MERCHANT})["code"]
        account = KwaiAccount.objects.select_related("store").get(pk=store.pk)
        account.merchant_id, account.health = MERCHANT, ConnectionHealth.OK
        account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
        account.save()
    KwaiSettings.objects.filter(pk=account.pk).update(auto_receive=True)
    store_activate(store=account.store, user=user)


def sign_in(page: Page) -> None:
    secrets = json.loads((ROOT / "var" / "demo.json").read_text())
    page.goto(f"{ERP}/entrar/")
    page.fill("input[name=username]", "demo")
    page.fill("input[name=password]", secrets["password"])
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{ERP}/")


def seconds_until_visible(pages: dict[str, Page]) -> dict[str, float]:
    (order_id,) = sandbox("POST", "orders", {"merchantId": MERCHANT, "count": 1})["orderIds"]
    started = time.monotonic()
    found: dict[str, float] = {}
    while len(found) < len(pages):
        for name, page in pages.items():
            if name not in found and page.get_by_text(order_id).first.is_visible():
                found[name] = time.monotonic() - started
        if time.monotonic() - started > LONGEST_SECONDS:
            raise SystemExit(f"order {order_id} did not appear on every page")
        time.sleep(0.02)
    return found


def measure(pages: dict[str, Page], runs: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by way and page; the two ways take turns, so that both meet the same machine."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(runs):
        for way, drop_rate in (("push", 0), ("poll", 1)):
            sandbox("PUT", "pushes", {"dropRate": drop_rate})
            time.sleep(random.uniform(0, SPREAD_SECONDS))  # noqa: S311
            for name, seconds in seconds_until_visible(pages).items():
                found.setdefault(way, {}).setdefault(name, []).append(seconds)
    sandbox("PUT", "pushes", {"dropRate": 0})
    return found


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with demonstration(), sync_playwright() as playwright:
        store_connect()
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        context = browser.new_context(locale="pt-BR")
        sign_in(context.new_page())
        pages = {name: context.new_page() for name in PAGES}
        for name, page in pages.items():
            page.goto(f"{ERP}/{name}/")
        seconds_until_visible(pages)  # the first poll brings the whole history
        found = measure(pages, runs)
        browser.close()
    figures: dict[str, Any] = {"runs": runs, "load": round(os.getloadavg()[0], 1)}
    for way, by_page in found.items():
        for name, seconds in by_page.items():
            figures[f"{way} {name}"] = {
                "median_s": round(statistics.median(seconds), 1),
                "max_s": round(max(seconds), 1),
            }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
