"""How many clicks and how long from *adicionar integração* to an active store, by a script.

    .venv/bin/python -m benchmarks.wizard

Starts a demonstration of its own and makes a seller of its own in the sandbox. A person reads on top of
this: a script never hesitates, its time is what the product itself takes. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import time

from playwright.sync_api import Locator, Page

from benchmarks.demonstration import chromium, demonstration

STEPS = ("Produtos", "Pedidos", "Mapeamentos", "Revisão e ativação")


class Operator:
    """Counts what a hand would do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def button(self, name: str) -> None:
        self.click(self.page.get_by_role("button", name=name, exact=True))


def walk(operator: Operator, shop: str) -> None:
    page = operator.page
    operator.click(page.get_by_role("link", name="adicionar integração"))
    operator.button("instalar")
    with page.context.expect_page() as opened:
        operator.button("conectar com Kwai")
    consent = Operator(opened.value)
    consent.click(consent.page.get_by_role("radio", name=shop))
    consent.button("autorizar")
    consent.button("usar esta conta")
    consent.page.get_by_role("heading", name="Conexão feita").wait_for()
    consent.page.close()
    page.get_by_role("button", name="desconectar").wait_for()
    for step in STEPS:
        operator.button("salvar e avançar")
        page.locator("[aria-current=step]", has_text=step).wait_for()
    operator.button("ativar")
    page.get_by_role("heading", name="Como usar no dia a dia").wait_for()
    # One more to close the tab of the consent.
    operator.clicks += consent.clicks + 1


def main() -> None:
    with demonstration() as shown, chromium() as browser:
        shop = f"Loja {time.time_ns()}"
        shown.sandbox("POST", "merchants", {"merchantId": str(time.time_ns())[:18], "shopName": shop})
        page = browser.new_context(locale="pt-BR").new_page()
        shown.sign_in(page)
        page.goto(f"{shown.erp}/integracoes/")
        operator, started = Operator(page), time.monotonic()
        walk(operator, shop)
        seconds = time.monotonic() - started
    figures = {"clicks": operator.clicks, "seconds": round(seconds, 1), "load": round(os.getloadavg()[0], 1)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
