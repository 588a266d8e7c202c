"""What `make bench-pages` fills and asks, with a few hundred orders: a benchmark nobody ran for a month still runs."""

from __future__ import annotations

import pytest
from django.db import connection

from benchmarks.history import RARE_NAME, History, history_make
from benchmarks.open_list import rows_of, stamp_of
from benchmarks.pages import KINDS, PAGES, Bench
from erp.outbox.models import PushJob
from erp.sales.models import Order
from erp.stock.models import StockReservation
from expedition.models import Shipment, ShipmentGroup
from invoices.models import Invoice

ORDERS = 3_300
LIVE = ("pedidos", "pedidos no e-commerce", "notas", "expedição", "expedição por pedidos", "envios")

pytestmark = pytest.mark.django_db


@pytest.fixture
def history() -> History:
    return history_make(ORDERS)


def test_the_history_is_whole(history: History) -> None:
    """Every key leads somewhere, and nothing that a list tells apart is missing."""
    connection.check_constraints()
    assert set(Order.objects.values_list("status", flat=True)) >= {
        "open",
        "approved",
        "delivered",
        "cancelled",
    }
    assert Order.objects.filter(pk=ORDERS // 3, external_id=history.external_id(ORDERS // 3)).exists()
    assert Order.objects.filter(buyer__name=RARE_NAME).exists()
    assert StockReservation.objects.filter(held=0).exists()
    assert set(Invoice.objects.values_list("status", flat=True)) >= {"pending", "danfe_issued", "cancelled"}
    assert set(PushJob.objects.values_list("state", flat=True)) == {"done", "blocked", "pending"}
    assert Shipment.objects.filter(group__isnull=True).exists()
    assert set(ShipmentGroup.objects.values_list("status", flat=True)) == {"open", "concluded"}


def test_every_page_answers_and_shows_rows(history: History) -> None:
    bench = Bench(history, requests=1)
    for name in PAGES:
        assert bench.first_page(name) > 0


def test_a_list_has_every_figure(history: History) -> None:
    bench = Bench(history, requests=1)
    figures = bench.page("expedição por pedidos")
    assert set(figures["slowest"]) == set(KINDS)
    assert {*KINDS.values(), "statements_max", "render_cpu_ms"} <= figures.keys()
    assert all(figures[key] > 0 for key in KINDS.values())
    asked = [each.address for each in bench.asked["expedição por pedidos"]]
    for part in ("tab=concluidas", "due=late", "sort=-number", "page=200", "page=-1", "after=", "&q="):
        assert any(part in address for address in asked), part


def test_a_change_is_newer_for_every_open_list(history: History) -> None:
    bench = Bench(history, requests=1)
    pages = {name: bench.text(name) for name in LIVE}
    assert all(rows_of(text) for text in pages.values())
    bench.change()
    for name, text in pages.items():
        assert stamp_of(bench.text(name)) != stamp_of(text), name
