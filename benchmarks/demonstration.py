"""A demonstration of its own for a benchmark: a copy of the product with its own folder, database and ports.

`python -m benchmarks.demonstration STEP` inside the copy does a step with the copy's own settings:
`connect` the first seller's store, `day`: bring orders through the loop, or print the polling `period`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from erp.runtime.supervisor import port_is_taken

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(
    *(".venv", ".git", ".env", "var", "tests", "docs", "node_modules", "__pycache__", ".*_cache", ".test*")
)
# What an installation of this machine sets has no say in the copy.
SET_BY_PEOPLE = (
    "KWAI_",
    "ERP_",
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "FIELD_KEYS",
    "PUBLIC_URL",
    "DJANGO_",
)
MERCHANT = "100000000000000101"
START_SECONDS, PATIENCE_SECONDS = 180, 180
GROUP_SIZE = 3


@dataclass(frozen=True)
class Demonstration:
    """A running one."""

    folder: Path
    erp: str
    sandbox_url: str
    environment: dict[str, str]

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """A call to the simulated Kwai's own controls."""
        answer = requests.request(method, f"{self.sandbox_url}/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def step(self, *words: str) -> str:
        """Do a step; what it printed last."""
        command = [sys.executable, "-m", "benchmarks.demonstration", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return (done.stdout.strip().splitlines() or [""])[-1]

    def sign_in(self, page: Page) -> None:
        secrets = json.loads((self.folder / "var" / "demo.json").read_text())
        page.goto(f"{self.erp}/entrar/")
        page.fill("input[name=username]", "demo")
        page.fill("input[name=password]", secrets["password"])
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{self.erp}/")


@contextmanager
def demonstration() -> Iterator[Demonstration]:
    """Started from nothing, ended and removed afterwards."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SET_BY_PEOPLE)}
    erp_port, sandbox_port = _free_port(), _free_port()
    environment = kept | {"ERP_DEMO": "1", "ERP_PORT": str(erp_port), "SANDBOX_PORT": str(sandbox_port)}
    with tempfile.TemporaryDirectory(prefix="erp-demo-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "erp"
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        (folder / ".venv").symlink_to(sys.prefix)
        process = subprocess.Popen(
            [sys.executable, "dev", "run"], cwd=folder, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            _wait_for(process, erp_port, sandbox_port)
            sandbox = f"http://127.0.0.1:{sandbox_port}/_sandbox"
            yield Demonstration(folder, f"http://127.0.0.1:{erp_port}", sandbox, environment)
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes], *ports: int) -> None:
    ends = time.monotonic() + START_SECONDS
    while not all(port_is_taken(port) for port in ports):
        if time.monotonic() > ends or process.poll() is not None:
            raise SystemExit("the demonstration did not start")
        time.sleep(0.2)


def store_connect() -> None:
    """An active store of the demonstration's company that receives its orders by itself."""
    from erp.accounts.models import User
    from kwai_integration.client import gateway
    from kwai_integration.connection import account_store_pair
    from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings
    from kwai_integration.setup.stores import store_activate, store_install

    user = User.objects.get(username="demo")
    store = store_install(company=user.company, name="Kwai Shop", user=user)
    sandbox = os.environ["KWAI_API_URL"] + "/_sandbox/grants"
    code = requests.post(sandbox, json={"merchantId": MERCHANT}, timeout=60).json()["code"]
    account = KwaiAccount.objects.get(pk=store.pk)
    account.merchant_id, account.health = MERCHANT, ConnectionHealth.OK
    account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
    account.save()
    KwaiSettings.objects.filter(pk=store.pk).update(auto_receive=True)
    store.refresh_from_db()
    store_activate(store=store, user=user)


def day_work(orders: int) -> None:
    """Wait until so many orders are received; then notes for three of four, shipments in small groups, a code
    for every other one: what an operator does in a day, and with it pushes in every state."""
    from erp.accounts.models import User
    from erp.sales.models import Order, ShippingKind, ShippingMethod
    from erp.sales.services import orders_shipping_set
    from expedition.models import Shipment
    from expedition.services.groups import group_conclude, group_create
    from expedition.services.tracking import tracking_set
    from invoices.issuing.services import invoices_issue
    from invoices.models import Invoice
    from invoices.sending import invoices_send

    user = User.objects.get(username="demo")
    company = user.company
    if company is None:
        raise SystemExit("the demonstration has no company")
    _until(lambda: Order.objects.count() >= orders, f"{orders} orders")
    method = ShippingMethod.objects.filter(company=company, kind=ShippingKind.CARRIER).earliest("pk")
    ids = list(Order.objects.order_by("-pk").values_list("pk", flat=True))
    orders_shipping_set(order_ids=ids, shipping_method_id=method.pk, carrier_id=None, actor=user)
    noted = [pk for pk in ids if pk % 4]
    invoices_issue(company=company, order_ids=noted, user=user)
    shipped = Shipment.objects.filter(order__in=noted).order_by("pk")
    _until(lambda: shipped.count() >= len(noted) // 2, "shipments")
    own = list(shipped.values_list("pk", flat=True))
    notes = list(Invoice.objects.filter(order__in=noted).values_list("pk", flat=True))
    invoices_send(ids=notes, user=user)
    tracking_set(codes={pk: f"VZ{pk:011d}" for pk in own[::2]}, actor=user)
    for start in range(0, len(own) - GROUP_SIZE, GROUP_SIZE):
        members = own[start : start + GROUP_SIZE]
        made = group_create(
            company_id=company.pk, shipping_method_id=method.pk, shipment_ids=members, actor=user
        )
        if made.group is not None and start % (2 * GROUP_SIZE):
            tracking_set(codes={pk: f"VZ{pk:011d}" for pk in members}, actor=user)
            group_conclude(group_id=made.group.pk, actor=user)


def _until(is_so: Any, what: str) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > ends:
            raise SystemExit(f"there are not yet {what}")
        time.sleep(1)


def main() -> None:
    import django

    from erp.runtime import demo

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.base")
    demo.enter()
    django.setup()
    step, *values = sys.argv[1:]
    if step == "connect":
        store_connect()
    elif step == "day":
        day_work(int(values[0]))
    else:
        from django.conf import settings

        print(settings.KWAI_POLL_SECONDS)


if __name__ == "__main__":
    main()
