"""The probe against the emulator: reads only, and a recording that another emulator serves again."""

from __future__ import annotations

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from erp.brazil.documents import tax_id_parse
from erp.catalog.models import Sku
from erp.sales.models import Order
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair, client_for
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiOrder, KwaiSettings
from kwai_integration.probe.collecting import Reader
from kwai_integration.wire.endpoints import ENDPOINTS
from kwai_sandbox.recordings import recording_read
from kwai_sandbox.server import running
from tests.kwai_integration.inbound.conftest import MERCHANT, Kwai, kwai, kwai_store, sku

__all__ = ["kwai", "kwai_store", "sku"]

pytestmark = pytest.mark.django_db

PERSON = {
    "name": "Maria Aparecida Souza", "cpf": "529.982.247-25", "phone": "11987651234", "zipCode": "13010-111",
    "state": "SP", "city": "Campinas", "district": "Cambuí", "street": "Rua Antônio Lapa", "number": "1123",
    "complement": "Apto 45",
}  # fmt: skip


@pytest.fixture
def full(kwai: Kwai) -> Kwai:
    """An account with listings, an order of each shipping type, a held one and a refund."""
    kwai.sandbox.sandbox.seed(1)
    kwai.orders(1, overrides={"receiverAddressInfo": PERSON, "buyerRemark": "Entregar para Maria Aparecida"})
    kwai.orders(1, shippingType="KWAI_ENVIOS", overrides={"orderStatus": 77, "nickname": "mariazinha"})
    (refunded,) = kwai.orders(1)
    kwai.change(refunded, refundStatus=60, refundAmount=500, refundReason="Defeito, ligar para Maria")
    item = {"merchantId": MERCHANT, "title": "Caneca", "skus": [{"number": "CAN-1", "skuPrice": 5000}]}
    kwai.sandbox.control("POST", "items", item)
    return kwai


def probed(*args: str) -> str:
    out = StringIO()
    call_command("kwai_probe", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_rows_of_the_contract(full: Kwai) -> None:
    report = json.loads(probed("--store", str(full.store.pk), "--json"))
    verdicts = {row["name"]: row["verdict"] for row in report["rows"]}
    for name in ("list_orders", "order_details", "list_items", "sku_list", "list_refunds", "order.id", "refund.amount",
                 "line.price", "receiver.tax_id", "ids", "valores", "datas", "total", "result", "sku.price"):  # fmt: skip
        assert verdicts[name] == "confirmed", name
    assert verdicts["upload_invoice"] == verdicts["invoice_upload.xml"] == "unseen"
    assert verdicts["77"] == "different"
    assert {"object": "order", "field": "nickname", "type": "texto"} in report["unknownFields"]
    assert {"field": "orderStatus", "code": "77", "count": "1"} in report["unknownCodes"]
    assert report["summary"]["confirmed"] > 50


def test_text_says_the_same(full: Kwai) -> None:
    text = probed("--store", full.store.name)
    assert "confirmado  list_orders" in text
    assert "não visto   upload_invoice" in text
    assert "diferente   77" in text
    assert "order  nickname  texto" in text
    assert "Nada foi escrito no Kwai." in text


@pytest.mark.parametrize("args", [[], ["--json"]])
def test_no_personal_data_is_printed(full: Kwai, args: list[str]) -> None:
    text = probed("--store", str(full.store.pk), *args)
    for word in ("Maria", "mariazinha", "529.982", "98765", "Antônio"):
        assert word not in text


def test_nothing_is_written_and_only_reads_are_called(full: Kwai) -> None:
    full.sandbox.control("GET", "stats")
    before = full.sandbox.control("GET", "ledger")["rows"]
    probed("--store", str(full.store.pk))
    assert full.sandbox.control("GET", "ledger")["rows"] == before
    called = {path.rsplit("/", 1)[-1] for path in full.sandbox.control("GET", "stats")["paths"]}
    reads = {endpoint.path.rsplit("/", 1)[-1] for endpoint in ENDPOINTS.values() if not endpoint.is_write}
    assert called - {"token"} <= reads - {"getShippingLabel"}


@pytest.mark.parametrize("name", [name for name, endpoint in ENDPOINTS.items() if endpoint.is_write])
def test_the_reader_refuses_every_write(kwai: Kwai, name: str) -> None:
    reader = Reader(client_for(kwai.store.pk))
    with pytest.raises(ValueError, match=name):
        reader.read(name, payload={})
    assert kwai.calls(ENDPOINTS[name].path.rsplit("/", 1)[-1]) == (1 if name == "oauth_token" else 0)


def test_a_call_that_fails_is_a_row_and_the_rest_goes_on(full: Kwai) -> None:
    full.sandbox.control("PUT", "faults", {"path": "queryRefundList", "kind": "server_error", "rate": 1})
    report = json.loads(probed("--store", str(full.store.pk), "--json"))
    (refunds,) = [row for row in report["rows"] if row["name"] == "list_refunds"]
    assert (refunds["verdict"], bool(refunds["detail"])) == ("different", True)
    assert [row["verdict"] for row in report["rows"] if row["name"] == "list_items"] == ["confirmed"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--store", "nenhuma"], "Não há uma única integração nenhuma"),
        (["--store", "999"], "Não há uma única integração 999"),
        (["--store", "Kwai Shop", "--days", "32"], "--days vai de 1 a 31"),
    ],
)
def test_what_cannot_be_asked_is_said(kwai: Kwai, args: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        probed(*args)


def test_a_disconnected_store_is_said(kwai: Kwai) -> None:
    KwaiAccount.objects.update(health=ConnectionHealth.REVOKED)
    with pytest.raises(CommandError, match="não está conectada"):
        probed("--store", str(kwai.store.pk))


def test_a_recording_holds_no_personal_data_and_no_secret(full: Kwai, tmp_path: Path) -> None:
    path = tmp_path / "gravacao.json"
    probed("--store", str(full.store.pk), "--record", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    account = KwaiAccount.objects.get()
    for word in (
        *PERSON.values(),
        "Maria",
        "mariazinha",
        "Entregar",
        account.access_token,
        account.refresh_token,
    ):
        assert word == "SP" or word not in text, word
    content = json.loads(text)
    assert (content["kind"], content["edition"], content["merchantId"]) == ("kwai-recording", 2, MERCHANT)
    assert all(content[name] for name in ("orders", "items", "refunds"))
    assert content["items"][0]["skus"]
    with pytest.raises(CommandError, match="Não foi possível gravar"):
        probed("--store", str(full.store.pk), "--record", str(path))


def test_a_recording_is_served_again_to_a_fresh_erp(
    full: Kwai, sku: Sku, tmp_path: Path, settings: Any
) -> None:
    path = tmp_path / "gravacao.json"
    probed("--store", str(full.store.pk), "--record", str(path))
    recorded = {str(order["orderId"]): order for order in json.loads(path.read_text())["orders"]}
    assert Order.objects.count() == 0
    with running() as other:
        recording_read(other.sandbox, path)
        settings.KWAI_API_URL = other.url
        for name, value in other.credentials.as_environment().items():
            setattr(settings, name, value)
        code = other.control("POST", "grants", {"merchantId": MERCHANT})["code"]
        account = KwaiAccount.objects.get()
        account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
        account.save()
        KwaiSettings.objects.update(auto_receive=True)
        Kwai(other, full.store).poll()
    staged = KwaiOrder.objects.values_list("external_id", flat=True)
    assert set(staged) == recorded.keys()
    received = list(Order.objects.all())
    assert received
    assert all(tax_id_parse(order.buyer.tax_id) for order in received)
    assert any(order.buyer.name.startswith("Pessoa ") for order in received)
