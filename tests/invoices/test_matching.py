"""Suggestions: the order a note names, else one order with its buyer and total; never more than one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Role, Store, User
from erp.sales.models import Order, OrderStatus
from invoices.imports import invoices_import
from invoices.matching import AMBIGUOUS, NO_SUGGESTION, TAKEN, UNREADABLE, Basis, Suggestion, orders_suggest
from invoices.models import Invoice, InvoiceStatus
from tests.invoices.conftest import FakeShop
from tests.invoices.factory import nfe_xml

PLATFORM = "9007199254740993123"
OTHER_BUYER = "11144477735"


@pytest.fixture
def add(company: Company) -> Callable[..., Invoice]:
    """`add(number, **note)`: a note that came before its order, so that nothing was linked."""

    def add(number: int, **note: Any) -> Invoice:
        content = nfe_xml(number=number, **note)
        (result,) = invoices_import(company=company, files=[(f"{number}.xml", content)], user=None)
        assert result.invoice is not None, result
        assert result.order is None
        return result.invoice

    return add


@pytest.fixture
def suggest(company: Company, admin: User) -> Callable[[Invoice], Suggestion]:
    def suggest(invoice: Invoice) -> Suggestion:
        return orders_suggest(invoices=[invoice], company=company, user=admin)[invoice.pk]

    return suggest


def test_the_order_a_note_names_comes_first(
    add: Callable[..., Invoice], suggest: Callable[..., Suggestion], make_order: Callable[..., Order]
) -> None:
    by_item = add(1, order_reference=PLATFORM)
    by_text = add(2, additional_text=f"Pedido Kwai {PLATFORM}, obrigado")
    named = make_order(total=99)
    make_order(external_id="900")
    for note in (by_item, by_text):
        assert suggest(note) == Suggestion(named, Basis.REFERENCE)


@pytest.mark.parametrize(
    "note",
    [
        {"order_reference": f"KWAI-{PLATFORM}"},
        {"item_reference": f"#{PLATFORM}"},
        {"additional_text": f"Pedido_{PLATFORM}/1"},
    ],
    ids=["compra", "item", "text"],
)
def test_a_decorated_number_of_the_platform_counts(
    add: Callable[..., Invoice],
    suggest: Callable[..., Suggestion],
    make_order: Callable[..., Order],
    note: dict[str, str],
) -> None:
    invoice = add(1, **note)
    order = make_order(total=99)
    assert suggest(invoice) == Suggestion(order, Basis.REFERENCE)


def test_part_of_a_longer_number_is_no_reference(
    add: Callable[..., Invoice], suggest: Callable[..., Suggestion], make_order: Callable[..., Order]
) -> None:
    invoice = add(1, additional_text=f"Chave {PLATFORM}{PLATFORM} e X{PLATFORM}")
    make_order(total=99)
    assert suggest(invoice) == Suggestion(None, text=NO_SUGGESTION)


def test_the_same_buyer_and_total_is_only_a_suggestion(
    add: Callable[..., Invoice], suggest: Callable[..., Suggestion], make_order: Callable[..., Order]
) -> None:
    note = add(1)
    order = make_order()
    assert suggest(note) == Suggestion(order, Basis.BUYER_TOTAL)
    assert Invoice.objects.get().order is None


@pytest.mark.parametrize(
    "order",
    [
        {"total": 17001},
        {"total": 16999},
        {"buyer_tax_id": OTHER_BUYER},
        {"buyer_tax_id": ""},
        {"buyer_tax_id": "***98224725"},
        {"status": OrderStatus.CANCELLED},
        {"placed_at": datetime(2026, 11, 22, 12, tzinfo=UTC)},
    ],
)
def test_less_than_both_is_no_suggestion(
    add: Callable[..., Invoice],
    suggest: Callable[..., Suggestion],
    make_order: Callable[..., Order],
    order: dict[str, Any],
) -> None:
    note = add(1)
    make_order(**order)
    assert suggest(note) == Suggestion(None, text=NO_SUGGESTION)


def test_two_orders_alike_are_not_guessed_between(
    add: Callable[..., Invoice], suggest: Callable[..., Suggestion], make_order: Callable[..., Order]
) -> None:
    note = add(1)
    for external_id in ("1", "2"):
        make_order(external_id=external_id)
    assert suggest(note) == Suggestion(None, text=AMBIGUOUS)


def test_two_notes_alike_are_not_guessed_between(
    add: Callable[..., Invoice], suggest: Callable[..., Suggestion], make_order: Callable[..., Order]
) -> None:
    first = add(1)
    second = add(2)
    order = make_order()
    assert suggest(first) == suggest(second) == Suggestion(None, text=AMBIGUOUS)
    Invoice.objects.filter(pk=second.pk).update(
        status=InvoiceStatus.CANCELLED, cancelled_at=datetime.now(UTC)
    )
    assert suggest(first) == Suggestion(order, Basis.BUYER_TOTAL)


def test_an_order_with_a_note_in_force_is_taken(
    add: Callable[..., Invoice], suggest: Callable[..., Suggestion], make_order: Callable[..., Order]
) -> None:
    note, named = add(1), add(2, order_reference=PLATFORM)
    order = make_order()
    holder = add(3, total=1, recipient_tax_id=OTHER_BUYER)
    Invoice.objects.filter(pk=holder.pk).update(order=order, store=order.store)
    assert suggest(note) == Suggestion(None, text=NO_SUGGESTION)
    assert suggest(named) == Suggestion(None, text=TAKEN)


def test_our_own_number_needs_the_buyer_or_the_total(
    add: Callable[..., Invoice], suggest: Callable[..., Suggestion], make_order: Callable[..., Order]
) -> None:
    order = make_order(external_id="", total=500, buyer_tax_id=OTHER_BUYER)
    foreign = add(1, additional_text=f"Pedido {order.number}")
    assert suggest(foreign) == Suggestion(None, text=NO_SUGGESTION)
    Order.objects.update(total=17000)
    assert suggest(foreign) == Suggestion(order, Basis.REFERENCE)


def test_a_damaged_file_is_said(add: Callable[..., Invoice], suggest: Callable[..., Suggestion]) -> None:
    note = add(1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_invoicedocument SET sha256 = %s", ["0" * 64])
    assert suggest(note) == Suggestion(None, text=UNREADABLE)


def test_orders_out_of_reach_are_never_suggested(
    add: Callable[..., Invoice],
    company: Company,
    make_user: Callable[..., User],
    make_order: Callable[..., Order],
) -> None:
    note = add(1)
    make_order()
    elsewhere = Store.objects.create(company=company, name="Outra", channel="kwai", lifecycle="active")
    user = make_user(Role.OPERATOR, username="outra", stores=[elsewhere])
    found = orders_suggest(invoices=[note], company=company, user=user)
    assert found[note.pk].order is None


def test_statements_do_not_grow_with_the_notes(
    add: Callable[..., Invoice], company: Company, admin: User, make_order: Callable[..., Order]
) -> None:
    notes = [add(n, total=1000 + n, additional_text=f"Pedido {n}") for n in range(1, 13)]
    for n in range(1, 13):
        make_order(external_id=f"80{n}", total=1000 + n)
    counts = []
    for part in (notes[:1], notes):
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            found = orders_suggest(invoices=part, company=company, user=admin)
        assert all(each.order is not None for each in found.values())
        counts.append(len(queries))
    assert counts[0] == counts[1]


class TestPage:
    url = "/notas/sem-pedido/"

    @pytest.fixture
    def client(self, operator: User, sign_in: Callable[[User], Client], shop: FakeShop) -> Client:
        assert reverse("invoices:unlinked") == self.url
        return sign_in(operator)

    def test_many_are_accepted_at_once_with_a_result_each(
        self, client: Client, add: Callable[..., Invoice], make_order: Callable[..., Order]
    ) -> None:
        sure, alike, typed, lost = (
            add(1, order_reference=PLATFORM),
            add(2, total=900),
            add(3, total=77),
            add(4, total=5),
        )
        first = make_order()
        second = make_order(external_id="2", total=900)
        third = make_order(external_id="3", total=70)
        page = client.get(self.url).content.decode()
        assert "citado na nota" in page
        assert "mesmo comprador e total" in page
        page = client.post(
            self.url,
            {
                "action": "link",
                "ids": [sure.pk, alike.pk, typed.pk, lost.pk],
                f"suggested-{sure.pk}": first.pk,
                f"suggested-{alike.pk}": second.pk,
                f"order-{typed.pk}": "3",
            },
        ).content.decode()
        linked = dict(Invoice.objects.values_list("number", "order_id"))
        assert linked == {1: first.pk, 2: second.pk, 3: None, 4: None}
        assert Invoice.objects.get(number=3).wanted_order == third  # its total differs: it waits for consent
        assert f"Vinculada ao pedido {first.number}." in page
        assert "difere do total do pedido" in page
        assert "Digite o número do pedido na linha dela" in page
        assert OrderStatus.INVOICED in Order.objects.values_list("status", flat=True)

    def test_a_suggestion_that_changed_is_not_linked(
        self, client: Client, add: Callable[..., Invoice], make_order: Callable[..., Order]
    ) -> None:
        """Somebody else used the order, or the page was made up: only what stands now is linked."""
        note = add(1)
        order, other = make_order(), make_order(external_id="2", total=1)
        page = client.post(
            self.url, {"row_action": f"link:{note.pk}", f"suggested-{note.pk}": other.pk}
        ).content.decode()
        assert "A sugestão mudou" in page
        assert Invoice.objects.get().order is None
        client.post(self.url, {"row_action": f"link:{note.pk}", f"suggested-{note.pk}": order.pk})
        assert Invoice.objects.get().order == order

    def test_one_refusal_stops_no_other(
        self, client: Client, add: Callable[..., Invoice], make_order: Callable[..., Order]
    ) -> None:
        wrong, right = add(1, total=5), add(2, total=6)
        make_order(external_id="1", total=5, buyer_tax_id=OTHER_BUYER)
        make_order(external_id="2", total=6)
        page = client.post(
            self.url,
            {
                "action": "link",
                "ids": [wrong.pk, right.pk],
                f"order-{wrong.pk}": "1",
                f"order-{right.pk}": "2",
            },
        ).content.decode()
        assert "não é o do comprador" in page
        assert list(Invoice.objects.order_by("number").values_list("order__external_id", flat=True)) == [
            None,
            "2",
        ]

    def test_list_costs_the_same_for_many_rows(self, client: Client, add: Callable[..., Invoice]) -> None:
        def queries() -> int:
            cache.clear()
            with CaptureQueriesContext(connection) as captured:
                assert client.get(self.url).status_code == 200
            return len(captured)

        add(1)
        queries()
        one = queries()
        for number in range(2, 12):
            add(number)
        assert queries() == one

    def test_linked_replaced_and_cancelled_notes_are_not_there(
        self, client: Client, add: Callable[..., Invoice], make_order: Callable[..., Order]
    ) -> None:
        waiting, replaced, cancelled = add(1), add(2), add(3)
        Invoice.objects.filter(pk=replaced.pk).update(replaced_by=waiting)
        Invoice.objects.filter(pk=cancelled.pk).update(status="cancelled", cancelled_at=datetime.now(UTC))
        page = client.get(self.url).content.decode()
        assert [f"Marcar {note}" in page for note in (waiting, replaced, cancelled)] == [True, False, False]

    def test_a_viewer_looks_and_links_nothing(
        self, viewer: User, sign_in: Callable[[User], Client], add: Callable[..., Invoice]
    ) -> None:
        note = add(1)
        watching = sign_in(viewer)
        assert watching.get(self.url).status_code == 200
        assert watching.post(self.url, {"action": "link", "ids": [note.pk]}).status_code == 403
