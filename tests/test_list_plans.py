"""Lists that show several stores read their page from an index in the order shown, whatever the table holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Store, User

# The rows of a page are joined to others once their ids are found, which is a statement within.
IDS_OF_PAGE = r"ANY\(ARRAY\((SELECT (?:(?!ANY\(ARRAY\().)*? LIMIT (?:51|26))\)\)"
# Address of a list, and the index its page is read from; on an empty table two may cost the same.
PAGES = {
    ("sales:orders", ""): "order_newest",
    ("sales:orders", "tab=approved"): "order_status_list order_newest order_to_ship_newest",
    ("sales:orders", "tab=to_ship"): "order_to_ship_newest order_newest",
    ("sales:orders", "since=2026-01-01&until=2026-12-31"): "order_newest",
    ("sales:orders", "sort=placed"): "order_newest",
    ("sales:orders", "sort=-number"): "order_unique_number",
    ("sales:orders", "sort=deadline"): "order_deadline order_to_ship_deadline",
    ("sales:orders", "sort=-deadline"): "order_deadline order_to_ship_deadline",
    ("sales:orders", "sort=status"): "order_status_list",
    ("sales:orders", "sort=-total"): "order_total",
    ("sales:orders", "page=400&after=2026-01-01T00:00:00%2B00:00~7"): "order_newest",
    ("sales:orders", "page=-2&before=2026-01-01T00:00:00%2B00:00~7"): "order_newest",
    ("kwai:orders", ""): "kwai_order_newest",
    ("kwai:orders", "tab=unlinked"): "kwai_order_by_state",
    ("kwai:orders", "tab=staged"): "kwai_order_by_state",
    ("kwai:orders", "sort=deadline"): "kwai_order_deadline",
    ("kwai:orders", "sort=-total"): "kwai_order_total",
    ("kwai:orders", "sort=-state"): "kwai_order_by_state",
    ("invoices:list", ""): "invoice_newest",
    ("invoices:list", "tab=cancelled"): "invoice_list invoice_newest",
    ("invoices:list", "sort=-number"): "invoice_by_number",
    ("invoices:list", "sort=-total"): "invoice_total",
    ("kwai:jobs", ""): "pushjob_newest",
    ("kwai:jobs", "tab=blocked"): "pushjob_state_newest",
    ("kwai:jobs", "tab=blocked&rows=pushes"): "pushjob_state_newest",
    ("kwai:jobs", "tab=blocked&cause=kwai.send_invoice~rejected~422:a"): (
        "pushjob_blocked_cause pushjob_state_newest pushjob_kind_newest"
    ),
    ("kwai:jobs", "tab=done"): "pushjob_state_newest",
    ("expedition:list", "sort=number"): "group_unique_number",
    ("expedition:list", "agrupamentos=pedidos&sort=-number"): "shipment_unique_number",
    ("expedition:list", "agrupamentos=pedidos&sort=deadline"): "shipment_deadline",
    ("expedition:list", "agrupamentos=pedidos&tab=pendentes&sort=deadline"): (
        "shipment_deadline shipment_pending_deadline"
    ),
    ("kwai:jobs", "kind=kwai.confirm_delivery"): "pushjob_kind_newest pushjob_newest",
    ("invoices:list", "environment=homologation"): "invoice_environment_list invoice_newest",
    ("invoices:list", "sent=not_sent"): "invoice_unsent invoice_newest",
    ("invoices:list", "sent=sent"): "invoice_unjudged invoice_newest",
}


@pytest.fixture
def client(admin: User, company: Company, sign_in: Callable[[User], Client]) -> Client:
    for name in ("Loja A", "Loja B"):
        Store.objects.create(company=company, name=name, channel="kwai")
    return sign_in(admin)


@pytest.mark.services
@pytest.mark.django_db
@pytest.mark.parametrize(("shown", "indexes"), PAGES.items(), ids=lambda each: str(each))
def test_a_page_is_read_in_the_order_of_an_index(
    shown: tuple[str, str], indexes: str, client: Client
) -> None:
    name, query = shown
    plan = explained(statement_of(client, f"{reverse(name)}?{query}", IDS_OF_PAGE))
    assert "Sort" not in plan, plan
    assert any(f"using {index} " in plan for index in indexes.split()), plan


@pytest.mark.services
@pytest.mark.django_db
@pytest.mark.parametrize("name", ["sales:orders", "kwai:orders", "invoices:list", "kwai:jobs"])
def test_what_is_newer_is_read_from_indexes(name: str, client: Client) -> None:
    """Of every table that grows with the orders, whose rows a list and the shell around it watch."""
    plan = explained(statement_of(client, reverse(name), ".*UNION ALL.*"))
    for table in ("sales_order", "kwai_integration_kwaiorder", "outbox_pushjob", "invoices_invoice"):
        assert f"Seq Scan on {table}" not in plan, plan
        assert f"Sort Key: {table}" not in plan, plan


def statement_of(client: Client, url: str, pattern: str) -> str:
    """What the last group of `pattern` matches in the first statement of the page where it does."""
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    found = (re.search(pattern, each["sql"], re.DOTALL) for each in captured.captured_queries)
    return next(match[match.lastindex or 0] for match in found if match)


def explained(statement: str) -> str:
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "incremental_sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.services
@pytest.mark.django_db
def test_no_index_is_left_half_built() -> None:
    """What a concurrent build that was killed leaves behind; `AddIndexLive` drops it and builds anew."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchall() == []
