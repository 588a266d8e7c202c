"""A new ERP and its first order, by the pages alone: set-up, wizard, consent, an order of the simulated Kwai.

    python -m scripts.first_order SETUP_LINK --kwai http://127.0.0.1:8100

SETUP_LINK is what `manage.py setup_link` prints. Follows links and presses buttons by what is written on
them, as a person does, so that it needs nothing of the ERP but its address. Ends with 0 when the order stands
in *Pedidos de venda*, else with 1 and a sentence that says where it stopped.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from typing import Any
from urllib.parse import urljoin

import requests
from lxml import html

TIMEOUT_SECONDS, PATIENCE_SECONDS = 60, 180
STEPS_AFTER_CONNECTION = ("Produtos", "Pedidos", "Mapeamentos", "Revisão e ativação")
COMPANY = {
    "name": "Loja de Teste Ltda",
    "trade_name": "Loja de Teste",
    "tax_id": "11.222.333/0001-81",
    "state_code": "SP",
    "city": "São Paulo",
    "fiscal_environment": "homologation",
}


class Stuck(Exception):
    """A page is not what was expected; the text says which and what was looked for."""


class Hand:
    """One browser session without JavaScript: the page it looks at and what can be done there."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.address = ""
        self.page: Any = None

    def open(self, address: str) -> None:
        self._show(self.session.get(urljoin(self.address, address), timeout=TIMEOUT_SECONDS))

    def press(self, label: str, **values: str) -> None:
        """Send the form of the button labelled `label`, with `values` in place of what its fields hold."""
        button = self._one("button", label)
        form = self._form_of(button)
        data = dict(_values(form)) | {name: [value] for name, value in values.items()}
        if name := button.get("name"):
            data[name] = [button.get("value", "")]
        target = urljoin(self.address, form.get("action") or self.address)
        self._show(self.session.post(target, data, timeout=TIMEOUT_SECONDS))

    def follow(self, label: str) -> None:
        self.open(self._one("a", label).get("href"))

    def expect(self, text: str) -> None:
        if text not in _words(self.page):
            raise self._stuck(f"“{text}” is not on the page")

    def wait_for(self, address: str, text: str) -> None:
        """Look at `address` again and again until `text` is in its list."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.open(address)
            if any(text in row.text_content() for row in self.page.xpath("//*[@id='list-rows']//tr")):
                return
            if time.monotonic() > ends:
                raise self._stuck(f"no row with “{text}” after {PATIENCE_SECONDS} s")
            time.sleep(1)

    def _show(self, answer: requests.Response) -> None:
        self.address, self.page = answer.url, html.fromstring(answer.text)
        if not answer.ok:
            raise self._stuck(f"HTTP {answer.status_code}")

    def _one(self, tag: str, label: str) -> Any:
        found = self.page.xpath(f"//{tag}[normalize-space()=$label]", label=label)
        if not found:
            raise self._stuck(f"no {tag} “{label}”")
        return found[0]

    def _form_of(self, button: Any) -> Any:
        inside = button.xpath("ancestor::form")
        return inside[0] if inside else self.page.get_element_by_id(button.get("form"))

    def _stuck(self, what: str) -> Stuck:
        alerts = [_words(each) for each in self.page.xpath("//*[@role='alert']")]
        return Stuck(" ".join((f"{self.address}: {what}.", *alerts)))


def _words(element: Any) -> str:
    return " ".join(element.text_content().split())


def _values(form: Any) -> dict[str, list[str]]:
    """What a browser would send of a form, by name: a name may stand more than once."""
    found: dict[str, list[str]] = {}
    for name, value in form.form_values():
        found.setdefault(name, []).append(value)
    return found


def first_order(setup_link: str, kwai: str) -> str:
    """The number of the order that arrived; `kwai` is the simulated Kwai's address, without a slash at its
    end.

    Raises Stuck, and what `requests` raises when one of the two does not answer.
    """
    merchant = {"merchantId": str(secrets.randbelow(10**17) + 10**17), "shopName": "Loja de Teste"}
    _control(kwai, "merchants", merchant)
    hand = Hand()
    company_create(hand, setup_link)
    store_connect(hand, merchant["merchantId"])
    store_activate(hand)
    line = {"number": "SKU-1", "quantity": 1}
    order = {"merchantId": merchant["merchantId"], "count": 1, "skus": [line]}
    (order_id,) = _control(kwai, "orders", order)["orderIds"]
    hand.wait_for("/pedidos-no-e-commerce/", str(order_id))
    item_link(hand)
    hand.wait_for("/pedidos/", str(order_id))
    return str(order_id)


def company_create(hand: Hand, setup_link: str) -> None:
    password = secrets.token_urlsafe(16)
    person = {"username": "admin", "email": "admin@example.com", "password": password, "repeated": password}
    hand.open(setup_link)
    hand.press("Criar empresa e entrar", **COMPANY, **person)
    hand.expect("Tudo pronto")


def store_connect(hand: Hand, merchant_id: str) -> None:
    """Install, and say yes on Kwai's page, which sends back to the ERP."""
    hand.open("/integracoes/adicionar/")
    hand.press("instalar")
    settings_page = hand.address
    hand.press("conectar com Kwai")
    hand.press("autorizar", merchantId=merchant_id)
    hand.press("usar esta conta")
    hand.expect("Conexão feita")
    hand.open(settings_page)


def store_activate(hand: Hand) -> None:
    for step in STEPS_AFTER_CONNECTION:
        # Orders come in without a click; only the step that has the field takes it.
        hand.press("salvar e avançar", auto_receive="on")
        hand.expect(step)
    hand.press("ativar")
    hand.expect("Como usar no dia a dia")


def item_link(hand: Hand) -> None:
    """A new company knows no SKU: make one of what the order says, and the order goes on."""
    hand.open("/pedidos-no-e-commerce/itens/?tab=unlinked")
    hand.follow("vincular")
    hand.press("vincular")
    hand.expect("Item vinculado")


def _control(kwai: str, path: str, body: Any) -> Any:
    answer = requests.post(f"{kwai}/_sandbox/{path}", json=body, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return answer.json()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts.first_order", description=str(__doc__).splitlines()[0])
    parser.add_argument("setup_link", help="what `manage.py setup_link` prints")
    parser.add_argument("--kwai", default="http://127.0.0.1:8100", help="address of the simulated Kwai")
    options = parser.parse_args()
    try:
        order_id = first_order(options.setup_link, options.kwai)
    except (Stuck, requests.RequestException) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Order {order_id} stands in Pedidos de venda.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
