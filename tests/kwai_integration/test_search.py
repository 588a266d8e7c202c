"""Every list and the search box find a thing by all that people read out of it, and only what they may see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Company, Store, User
from erp.catalog.models import Product, Sku
from erp.catalog.search import skus_found
from erp.outbox.models import PushJob
from erp.sales.models import Buyer, Order, ShippingMethod
from erp.sales.search import orders_found
from erp.search.finding import MOST_OF_NEWEST, Search
from expedition.models import Package, Shipment, ShipmentGroup
from expedition.search import groups_found, shipments_found_by
from invoices.models import Invoice, RefusedFile
from invoices.search import invoices_found, refused_files_found
from kwai_integration.models import KwaiOrder, Listing
from kwai_integration.outbound.kinds import Kind
from kwai_integration.search import kwai_orders_found, listings_found, pushes_found

NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
KEY = "3526111122233300018155001{number:09d}1{number:08d}0"
LISTS = {
    "orders": ("sales:orders", ""),
    "kwai": ("kwai:orders", ""),
    "notes": ("invoices:list", ""),
    "unlinked": ("invoices:unlinked", ""),
    "refused": ("invoices:list", "tab=rejected"),
    "shipments": ("expedition:list", "agrupamentos=pedidos"),
    "groups": ("expedition:list", ""),
    "pushes": ("kwai:jobs", ""),
    "listings": ("kwai:links", ""),
    "products": ("catalog:products", ""),
    "stock": ("stock:balances", ""),
}


def everything_make(store: Store, number: int, name: str, code: str) -> None:
    """One of each kind of thing, about one order."""
    company = store.company
    external_id = f"26{number:017d}"
    order = Order.objects.create(
        company=company,
        store=store,
        number=number,
        external_id=external_id,
        items_total=1000,
        total=1000,
        placed_at=NOON + timedelta(minutes=number % 1000),
    )
    Buyer.objects.create(order=order, name=name, tax_id="52998224725", tax_id_kind="cpf")
    KwaiOrder.objects.create(
        store=store,
        external_id=external_id,
        order=order,
        state="received",
        buyer_name=name,
        summary=f"1x Caneca {code}",
        placed_at=order.placed_at,
        digest="x",
        fetch_started_at=NOON,
    )
    PushJob.objects.create(
        store=store,
        kind=Kind.SEND_INVOICE,
        subject=external_id,
        idempotency_key=f"{store.pk}:{external_id}",
        step=1,
    )
    note = note_make(store, number, name, order=order)
    method, _ = ShippingMethod.objects.get_or_create(
        company=company, name="Jadlog", defaults={"kind": "carrier"}
    )
    group = ShipmentGroup.objects.create(
        company=company, number=number, kind="pickup", shipping_method=method
    )
    shipment = Shipment.objects.create(
        company=company,
        store=store,
        order=order,
        invoice=note,
        number=number,
        group=group,
        shipping_method=method,
    )
    Package.objects.create(company=company, shipment=shipment, tracking_code=f"JD{number}BR")
    note_make(store, number + 500, name)
    RefusedFile.objects.create(
        company=company,
        store=store,
        order=order,
        sha256=f"{number:064d}",
        size=1,
        content=b"x",
        file_name=f"nota-{code}.xml",
        last_sent_at=NOON,
    )
    sku = Sku.objects.create(
        company=company,
        product=Product.objects.create(company=company, name=f"Caneca de Café {code}"),
        code=code,
        gtin=f"789{number:010d}",
    )
    Listing.objects.create(
        store=store, item_id=f"29{number}", sku_id_remote=f"39{number}", title=f"Caneca {code}", sku=None
    )
    assert sku.pk


def note_make(store: Store, number: int, name: str, order: Order | None = None) -> Invoice:
    """Without an order: authorised, waiting to be linked."""
    return Invoice.objects.create(
        company=store.company,
        store=store,
        order=order,
        access_key=KEY.format(number=number),
        number=number,
        series=1,
        environment="homologation",
        issued_at=NOON,
        authorized_at=NOON,
        authorization_protocol="135260000000001",
        issuer_tax_id="11222333000181",
        recipient_name=name,
        recipient_tax_id="52998224725",
        total=1000,
    )


@pytest.fixture
def shop(company: Company, store: Store) -> Store:
    """Two of each kind of thing: what the searches below want, and what they must leave out."""
    everything_make(store, 71234, "José Antônio Conceição", "Azulejo-9")
    everything_make(store, 82345, "Márcia Müller", "Verde-7")
    Buyer.objects.filter(order__number=82345).update(tax_id="39053344705")
    Invoice.objects.exclude(recipient_name__startswith="José").update(recipient_tax_id="39053344705")
    return store


@pytest.fixture
def client(operator: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(operator)


def shown(client: Client, name: str, text: str) -> list[str]:
    """The ids of the rows that the list shows."""
    url_name, query = LISTS[name]
    answer = client.get(
        f"{reverse(url_name)}?{query}", {"q": text} | dict([query.split("=")] if query else [])
    )
    assert answer.status_code == 200
    return [row.id for row in answer.context["rows"]]


NAME = ("joão", "conceicao", "CONCEIÇÃO", "jose ant", "tônio conc", "ceiç")[1:]
NUMBERS = ("71234", "2600000000000071234", "0071234", "2600 0000 0000 0071 234", "1234")
CASES = [
    *(("orders", text) for text in (*NAME, *NUMBERS, "#71234", "529.982.247-25", "conceição 1234")),
    *(("kwai", text) for text in (*NAME, *NUMBERS, "azulejo", "conceicao caneca azul", "529.982.247-25")),
    *(("notes", text) for text in (*NUMBERS, KEY.format(number=71234), "conceicao 1234")),
    *(("unlinked", text) for text in (*NAME, "71734", "NFe" + KEY.format(number=71734), "529.982.247-25")),
    *(("refused", text) for text in ("nota-azul", "AZULEJO", "71234", "1234")),
    *(("shipments", text) for text in (*NAME, *NUMBERS, "jd71234br", "D7123", KEY.format(number=71234))),
    *(("groups", text) for text in ("71234", "jd71234br", "conceicao", "1234")),
    *(("pushes", text) for text in (*NAME, *NUMBERS, "azulejo")),
    *(("listings", text) for text in ("azulejo", "caneca azu", "2971234", "712")),
    *(("products", text) for text in ("azulejo-9", "cafe azul", "7890000071234", "71234", "ejo-9 caf")),
    *(("stock", text) for text in ("azulejo-9", "cafe azul", "7890000071234")),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_list_finds_by_everything_that_is_read_out(
    name: str, text: str, shop: Store, client: Client
) -> None:
    everything, found = set(shown(client, name, "")), set(shown(client, name, text))
    assert len(found) == 1
    assert found < everything


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "text", ["zz", "jose muller", "99999", "%", "a_b", "²", "\\", "[", "x" * 100, "J0SE"]
)
def test_what_is_not_there_is_not_found(name: str, text: str, shop: Store, client: Client) -> None:
    assert shown(client, name, text) == []


@pytest.mark.django_db
def test_the_box_finds_each_kind_and_names_it(shop: Store, client: Client) -> None:
    KwaiOrder.objects.create(
        store=shop,
        external_id="2700000000000000001",
        buyer_name="Outra Conceição",
        digest="x",
        fetch_started_at=NOON,
    )
    page = unescape(client.get(reverse("web:search"), {"q": "conceicao"}).content.decode())
    for hit in ("Pedido 71234", "Pedido 2700000000000000001", "NF-e 71234", "Expedição 71234"):
        assert hit in page
    assert "82345" not in page
    assert "Azulejo-9" in client.get(reverse("web:search"), {"q": "cafe azul"}).content.decode()
    none = client.get(reverse("web:search"), {"q": "nada disto"}).content.decode()
    for source in ("Pedidos de venda", "Notas fiscais", "Expedição", "Estoque", "últimos 4 a 6 dígitos"):
        assert source in none


@pytest.mark.django_db
def test_the_box_says_that_there_is_more_and_leads_to_the_list(store: Store, client: Client) -> None:
    orders_make(store, 12, "Silva")
    (group,) = client.get(reverse("web:search"), {"q": "silva"}).context["groups"]
    assert (len(group.hits), group.has_more) == (10, True)
    assert len(client.get(group.url).context["rows"]) == 12


@pytest.mark.django_db
def test_the_number_itself_comes_before_what_holds_it(store: Store, client: Client) -> None:
    everything_make(store, 4567, "Ana", "A-1")
    orders_make(store, 30, "Bia", external_id="4567000{:05d}")
    groups = client.get(reverse("web:search"), {"q": "4567"}).context["groups"]
    assert groups[0].hits[0].label == "Pedido 4567"


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["conceicao", "71234", "1234", "52998224725", "azulejo", "jd71234br"])
def test_other_stores_and_companies_stay_unseen(
    text: str,
    company: Company,
    other_company: Company,
    shop: Store,
    make_user: Callable[..., User],
    sign_in: Callable[[User], Client],
) -> None:
    """An operator of another store sees the company's catalogue and notes of no store, nothing else."""
    empty = Store.objects.create(company=company, name="Outra loja", channel="kwai")
    foreign = Store.objects.create(company=other_company, name="De outros", channel="kwai")
    client = sign_in(make_user("operator", username="outra", stores=[empty]))
    own = ("orders", "kwai", "notes", "unlinked", "refused", "shipments", "pushes", "listings")
    assert [row for name in own for row in shown(client, name, text)] == []
    assert "71234" not in client.get(reverse("web:search"), {"q": text}).content.decode().replace(text, "")
    stranger = User.objects.create_user("estranho", company=other_company, role="admin")
    assert foreign.pk
    client = sign_in(stranger)
    assert [row for name in LISTS for row in shown(client, name, text)] == []


def orders_make(
    store: Store, count: int, name: str, external_id: str = "31{:017d}", first: int = 100_000
) -> None:
    numbers = range(first, first + count)
    orders = Order.objects.bulk_create(
        Order(
            company=store.company,
            store=store,
            number=number,
            external_id=external_id.format(number),
            items_total=1,
            total=1,
            placed_at=NOON + timedelta(seconds=number),
        )
        for number in numbers
    )
    Buyer.objects.bulk_create(Buyer(order=order, name=f"{name} {order.number}") for order in orders)


@pytest.mark.django_db
def test_of_a_name_that_very_many_bear_the_newest_are_found(store: Store, operator: User) -> None:
    orders_make(store, 1, "Zélia Silva")
    oldest = Order.objects.get()
    orders_make(store, MOST_OF_NEWEST, "Ana Silva", first=200_000)
    for text in ("silva", "Sí"):  # two letters are too short for an index
        found = orders_found(Search(operator, text))
        assert (len(found.ids), found.complete, oldest.pk in found.ids) == (MOST_OF_NEWEST, False, False)
    found = orders_found(Search(operator, "zelia silva"))
    assert (list(found.ids), found.complete) == ([oldest.pk], True)


# How many statements a number, a short number and a name cost.
FINDERS = {
    "orders": (orders_found, [3, 1, 2]),
    "kwai": (kwai_orders_found, [6, 1, 2]),
    "notes": (invoices_found, [5, 2, 2]),
    "refused": (refused_files_found, [6, 3, 2]),
    "shipments": (shipments_found_by, [7, 2, 3]),
    "groups": (groups_found, [9, 3, 4]),
    "pushes": (pushes_found, [8, 2, 4]),
    "listings": (listings_found, [2, 2, 2]),
    "skus": (skus_found, [3, 3, 3]),
}
TEXTS = ("71234", "123", "conceicao")


@pytest.mark.django_db
@pytest.mark.parametrize("name", FINDERS)
def test_a_search_costs_few_statements_and_none_joins_in_an_or(name: str, shop: Store, admin: User) -> None:
    find, expected = FINDERS[name]
    counts = []
    for text in TEXTS:
        with CaptureQueriesContext(connection) as captured:
            find(Search(admin, text))
        counts.append(len(captured))
        for each in captured.captured_queries:
            assert not (" JOIN " in each["sql"] and " OR " in each["sql"]), each["sql"]
    assert counts == expected


LONG_TABLES = (
    "sales_order",
    "sales_buyer",
    "kwai_integration_kwaiorder",
    "invoices_invoice",
    "expedition_shipment",
    "expedition_package",
    "outbox_pushjob",
)
TRIGRAMS = {
    "orders": ("order_search", "buyer_search"),
    "kwai": ("kwai_order_search",),
    "notes": ("invoice_search", "order_search"),
    "shipments": ("package_search", "buyer_search", "order_search"),
    "pushes": ("kwai_order_search",),
}


@pytest.mark.services
@pytest.mark.django_db
@pytest.mark.parametrize("name", TRIGRAMS)
def test_no_search_reads_a_long_table(name: str, shop: Store, operator: User) -> None:
    find = FINDERS[name][0]
    plans = []
    with CaptureQueriesContext(connection) as captured:
        for text in ("1234", "conceicao", "529.982.247-25", "jd71234br", KEY.format(number=71234)):
            find(Search(operator, text))
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "incremental_sort", "indexonlyscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for each in captured.captured_queries:
            cursor.execute(f"EXPLAIN {each['sql']}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    for plan in plans:
        assert not [table for table in LONG_TABLES if f"Seq Scan on {table} " in plan], plan
    for index in TRIGRAMS[name]:
        assert any(f"Bitmap Index Scan on {index} " in plan for plan in plans), (index, plans)
