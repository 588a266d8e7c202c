"""*Sincronizar situação* answers for every row."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from erp.accounts.models import Store, StoreLifecycle, User
from erp.catalog.models import Sku
from erp.channels import RowOutcome
from erp.sales.models import Order, OrderEvent
from erp.sales.statuses import OrderStatus
from kwai_integration.inbound import receive
from kwai_integration.inbound import refresh as refreshing
from kwai_integration.inbound.checks import KwaiOrderAction, kwai_orders_check
from kwai_integration.inbound.plan import store_receive
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.refresh import kwai_orders_refresh
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiOrder, KwaiSettings, StatusMapping
from kwai_integration.wire.codes import SITUATIONS
from tests.kwai_integration.codes import CLOSED, PAID, SHIPPED
from tests.kwai_integration.inbound.conftest import Kwai, answers_replace, detail

pytestmark = pytest.mark.django_db


@pytest.fixture
def received(kwai: Kwai, sku: Sku) -> Kwai:
    KwaiSettings.objects.update(auto_receive=True)
    kwai.orders(3)
    kwai.poll()
    return kwai


def rows() -> list[KwaiOrder]:
    return list(KwaiOrder.objects.order_by("external_id"))


def refresh(*chosen: KwaiOrder, actor: User | None = None) -> list[tuple[RowOutcome, str]]:
    results = kwai_orders_refresh(ids=[row.pk for row in chosen], actor=actor)
    assert [result.id for result in results] == [row.pk for row in chosen]
    return [(result.outcome, result.text) for result in results]


def test_says_per_row_what_changed(received: Kwai, admin: User) -> None:
    first, second, third = rows()
    received.change(first.external_id, orderStatus=SHIPPED)
    received.change(third.external_id, orderStatus=CLOSED)
    assert refresh(third, first, second, actor=admin) == [
        (RowOutcome.DONE, "Situação alterada: Aprovado → Cancelado."),
        (RowOutcome.DONE, "Situação alterada: Aprovado → Enviado."),
        (RowOutcome.DONE, "Sem mudança: continua Aprovado."),
    ]
    assert OrderEvent.objects.filter(kind="status", actor=admin).count() == 2


def test_an_unmapped_code_is_refused_until_it_is_mapped(received: Kwai) -> None:
    row = rows()[0]
    received.change(row.external_id, orderStatus=77)
    ((outcome, text),) = refresh(row)
    assert outcome == RowOutcome.REFUSED
    assert "77 do Kwai não está mapeada" in text
    StatusMapping.objects.create(store=received.store, remote_code="77", status=OrderStatus.UNDELIVERED)
    assert refresh(row) == [(RowOutcome.DONE, "Situação alterada: Aprovado → Não entregue.")]


def test_a_situation_behind_ours_stays(received: Kwai) -> None:
    row = rows()[0]
    received.change(row.external_id, orderStatus=SHIPPED)
    refresh(row)
    received.change(row.external_id, orderStatus=PAID)
    label = SITUATIONS[str(PAID)].label
    assert refresh(row) == [(RowOutcome.DONE, f"Continua Enviado: o Kwai diz {label}, que fica para trás.")]


def test_refused_rows_say_why_and_cost_no_call(received: Kwai) -> None:
    waiting = KwaiOrder.objects.create(
        store=received.store, external_id="1", digest="x", fetch_started_at=received.cursor.watermark
    )
    answers_replace(waiting, detail())
    before = received.calls("queryOrderDetails")
    ((outcome, text),) = refresh(waiting)
    assert (outcome, text) == (
        RowOutcome.REFUSED,
        "O pedido ainda não foi recebido. Use receber pedidos primeiro.",
    )
    Store.objects.update(lifecycle=StoreLifecycle.INACTIVE)
    assert "não está ativa" in refresh(rows()[0])[0][1]
    Store.objects.update(lifecycle=StoreLifecycle.ACTIVE)
    KwaiAccount.objects.update(health=ConnectionHealth.REVOKED)
    assert "conectar com Kwai" in refresh(rows()[0])[0][1]
    assert received.calls("queryOrderDetails") == before


def test_a_quarantined_order_says_its_reason_or_heals(received: Kwai) -> None:
    (order_id,) = received.orders(1, overrides={"orderItemView": []})
    received.poll()
    row = KwaiOrder.objects.get(external_id=order_id)
    assert refresh(row)[0] == (
        RowOutcome.REFUSED,
        "Com problema: O pedido veio sem itens. Confira o pedido no Kwai.",
    )
    good = received.sandbox.control("GET", f"orders/{rows()[0].external_id}")
    received.change(order_id, orderItemView=good["order"]["orderItemView"])
    assert refresh(row)[0][1] == "O pedido ainda não foi recebido. Use receber pedidos primeiro."
    assert kwai_orders_receive(ids=[row.pk])[0].outcome == RowOutcome.DONE


def test_an_order_that_could_not_be_written_heals_when_the_fault_is_gone(
    kwai: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the platform is the same, so nothing but this click would ever look at it again."""
    KwaiSettings.objects.update(auto_receive=True)

    def broken(*_: Any) -> None:
        raise IntegrityError

    kwai.orders()
    with monkeypatch.context() as upgrading:
        upgrading.setattr(receive, "_orders_write", broken)
        kwai.poll()
    (row,) = rows()
    assert (row.state, row.problem_code) == ("quarantined", "not_storable")
    refresh(row)
    assert store_receive(kwai.store.pk) == 1
    assert Order.objects.get().external_id == row.external_id
    with monkeypatch.context() as upgrading:
        upgrading.setattr(receive, "_orders_write", broken)
        kwai.change(row.external_id, orderStatus=SHIPPED)
        kwai.poll()
    assert refresh(row) == [(RowOutcome.DONE, "Situação alterada: Aprovado → Enviado.")]


def test_an_order_the_platform_withholds_is_refused(received: Kwai) -> None:
    first, second, _ = rows()
    received.change(first.external_id, orderId=None)
    answers = refresh(first, second)
    assert answers[0][0] == RowOutcome.REFUSED
    assert "não devolve os detalhes" in answers[0][1]
    assert answers[1] == (RowOutcome.DONE, "Sem mudança: continua Aprovado.")


def test_a_failing_platform_is_told_per_row(received: Kwai) -> None:
    received.fault("rate_limit", "details")
    assert {outcome for outcome, _ in refresh(*rows())} == {RowOutcome.REFUSED}
    received.sandbox.control("DELETE", "faults")
    received.sandbox.control("DELETE", f"grants/{KwaiAccount.objects.get().merchant_id}")
    assert "revogado" in refresh(rows()[0])[0][1]
    assert KwaiAccount.objects.get().health == ConnectionHealth.REVOKED


def test_the_menu_greys_in_a_constant_number_of_queries(received: Kwai) -> None:
    ids = [row.pk for row in rows()]
    for action, wanted, cost in (
        (KwaiOrderAction.REFRESH, "", 1),
        (KwaiOrderAction.RECEIVE, "Já recebido.", 2),
    ):
        with CaptureQueriesContext(connection) as queries:
            reasons = kwai_orders_check(action, [*ids, 999_999])
        assert len(queries) == cost
        assert [reasons[id_] for id_ in ids] == [wanted] * 3
        assert "não existe mais" in reasons[999_999]
    assert Order.objects.count() == 3


def test_what_a_poll_received_meanwhile_is_not_undone(
    received: Kwai, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh stored *closed*; before its last step a poll stores and receives that it is open again."""
    StatusMapping.objects.filter(remote_code=str(CLOSED)).update(status=OrderStatus.OPEN)
    row = KwaiOrder.objects.order_by("pk").first()
    assert row is not None
    received.change(row.external_id, orderStatus=CLOSED)
    received.poll()
    real = refreshing.rules_read

    def slow(store_ids: set[int]) -> Any:
        monkeypatch.setattr(refreshing, "rules_read", real)
        received.change(row.external_id, orderStatus=PAID)
        received.poll()
        return real(store_ids)

    monkeypatch.setattr(refreshing, "rules_read", slow)
    kwai_orders_refresh(ids=[row.pk])
    order = Order.objects.get(external_id=row.external_id)
    assert (order.remote_status, order.closed_at) == (str(PAID), None)
