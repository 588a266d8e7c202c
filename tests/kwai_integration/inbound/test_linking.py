"""*Vincular* makes the waiting orders go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from erp.accounts.models import AuditEntry, Company, Role, Store, User
from erp.catalog.models import Sku
from erp.channels import RowOutcome
from erp.sales.models import Order, OrderEvent
from kwai_integration.inbound import linking, plan
from kwai_integration.inbound.linking import LinkRefused, NewSku, listing_link
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import KwaiOrder, KwaiOrderState, Listing
from tests.kwai_integration.inbound.conftest import FETCHED, detail, line, sku_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(kwai_store: Store, sku: Sku) -> Listing:
    """Three orders wait for NOVO-5, one of them for NOVO-6 as well, one for NOVO-6 alone."""
    both = [line("NOVO-5"), line("NOVO-6")]
    details: list[Any] = [detail(index, orderItemView=[line("NOVO-5")]) for index in range(2)]
    details += [detail(2, orderItemView=both), detail(3, orderItemView=[line("NOVO-6")]), detail(4)]
    staged = kwai_orders_stage(store=kwai_store, details=details, fetch_started_at=FETCHED)
    kwai_orders_receive(ids=staged.ids)
    return Listing.objects.get(seller_code="NOVO-5")


def test_the_list_says_how_many_orders_wait(waiting: Listing, operator: User, sign_in: Any) -> None:
    rows = [row.object for row in sign_in(operator).get(reverse("kwai:links")).context["rows"]]
    found = [(row.seller_code, row.waiting) for row in rows]
    assert found == [("NOVO-5", 3), ("NOVO-6", 2)]


def test_linking_once_receives_every_waiting_order(waiting: Listing, operator: User, sku: Sku) -> None:
    results = listing_link(listing_id=waiting.pk, sku_id=sku.pk, actor=operator)
    assert [row.outcome for row in results] == [RowOutcome.DONE] * 2
    assert Order.objects.count() == 3
    assert KwaiOrder.objects.filter(state=KwaiOrderState.UNLINKED).count() == 2
    waiting.refresh_from_db()
    assert (waiting.sku, waiting.linked_by) == (sku, operator)
    assert AuditEntry.objects.get(action="listing.linked").actor == operator
    assert OrderEvent.objects.filter(kind="received", actor=operator).count() == 2


def test_an_order_with_two_loose_lines_waits_for_both(waiting: Listing, operator: User, sku: Sku) -> None:
    listing_link(listing_id=waiting.pk, sku_id=sku.pk, actor=operator)
    other = Listing.objects.get(seller_code="NOVO-6")
    assert len(listing_link(listing_id=other.pk, sku_id=sku.pk, actor=operator)) == 2
    assert Order.objects.count() == 5
    assert not KwaiOrder.objects.filter(waiting_for__isnull=False).exists()


def test_linking_can_create_the_sku(waiting: Listing, operator: User, company: Company) -> None:
    new = NewSku(code="NOVO-5", name="Caneca azul", price=5_000)
    listing_link(listing_id=waiting.pk, new_sku=new, actor=operator)
    created = Sku.objects.get(code="NOVO-5")
    assert (created.company, created.product.name, created.price) == (company, "Caneca azul", 5_000)
    assert Order.objects.filter(lines__sku=created).count() == 2


@pytest.mark.parametrize("new", [NewSku("SKU-1", "Outra", 1), NewSku(" ", "Outra", 1), NewSku("X", "", 1)])
def test_a_new_sku_that_cannot_be_made_links_nothing(waiting: Listing, operator: User, new: NewSku) -> None:
    with pytest.raises(LinkRefused):
        listing_link(listing_id=waiting.pk, new_sku=new, actor=operator)
    waiting.refresh_from_db()
    assert waiting.sku is None
    assert Sku.objects.count() == 1


def test_another_companys_sku_or_store_is_refused(
    waiting: Listing, operator: User, other_company: Company, make_user: Callable[..., User], sku: Sku
) -> None:
    foreign = sku_make(other_company, "NOVO-5")
    with pytest.raises(LinkRefused, match="Escolha um SKU da empresa"):
        listing_link(listing_id=waiting.pk, sku_id=foreign.pk, actor=operator)
    outsider = make_user(Role.OPERATOR, username="de-fora")
    with pytest.raises(LinkRefused, match="não acessa"):
        listing_link(listing_id=waiting.pk, sku_id=sku.pk, actor=outsider)
    stranger = User.objects.create(username="x", company=other_company, role=Role.ADMIN)
    with pytest.raises(LinkRefused, match="não acessa"):
        listing_link(listing_id=waiting.pk, sku_id=foreign.pk, actor=stranger)


def test_a_second_link_is_refused_and_an_equal_one_is_not(
    waiting: Listing, operator: User, sku: Sku, company: Company
) -> None:
    listing_link(listing_id=waiting.pk, sku_id=sku.pk, actor=operator)
    assert listing_link(listing_id=waiting.pk, sku_id=sku.pk, actor=operator) == []
    with pytest.raises(LinkRefused, match="já foi vinculado"):
        listing_link(listing_id=waiting.pk, sku_id=sku_make(company, "SKU-2").pk, actor=operator)
    assert AuditEntry.objects.filter(action="listing.linked").count() == 1


def test_what_one_click_leaves_over_is_found_without_a_message(
    waiting: Listing, operator: User, sku: Sku, kwai_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "AT_ONCE", 1)
    assert len(listing_link(listing_id=waiting.pk, sku_id=sku.pk, actor=operator)) == 1
    assert plan.stores_to_receive() == [kwai_store.pk]
    assert plan.store_receive(kwai_store.pk) == 1
    assert plan.stores_to_receive() == []


def test_a_sku_created_later_links_when_the_order_is_received_again(
    waiting: Listing, company: Company
) -> None:
    sku_make(company, "NOVO-5")
    row = KwaiOrder.objects.filter(waiting_for=waiting).order_by("pk").first()
    assert row is not None
    assert kwai_orders_receive(ids=[row.pk])[0].outcome == RowOutcome.DONE
