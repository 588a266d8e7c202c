"""Lists that show several stores read their page from an index in the order shown, whatever the table holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Store, User

# Address of a list, and the index its page is read from; on an empty table two may cost the same.
PAGES = {
    ("sales:orders", ""): "order_newest",
    ("sales:orders", "tab=approved"): "order_list order_newest",
    ("sales:orders", "since=2026-01-01&until=2026-12-31"): "order_newest",
    ("kwai:orders", ""): "kwai_order_newest",
    ("kwai:orders", "tab=unlinked"): "kwai_order_state_newest",
    ("kwai:orders", "tab=staged"): "kwai_order_state_newest",
    ("invoices:list", ""): "invoice_newest",
    ("invoices:list", "tab=cancelled"): "invoice_list invoice_newest",
    ("kwai:jobs", ""): "pushjob_newest",
    ("kwai:jobs", "tab=blocked"): "pushjob_state_newest",
    ("kwai:jobs", "tab=done"): "pushjob_state_newest",
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
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"{reverse(name)}?{query}").status_code == 200
    (statement,) = [
        each["sql"]
        for each in captured.captured_queries
        if "ORDER BY" in each["sql"] and each["sql"].rstrip().endswith("LIMIT 50") and "DESC" in each["sql"]
    ]
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "incremental_sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Sort" not in plan, plan
    assert any(f"using {index} " in plan for index in indexes.split()), plan


@pytest.mark.services
@pytest.mark.django_db
def test_no_index_is_left_half_built() -> None:
    """What a concurrent build that was killed leaves behind; `AddIndexLive` drops it and builds anew."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchall() == []
