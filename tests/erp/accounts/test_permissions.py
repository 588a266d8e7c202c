"""Every route of the product with every role: who opens what stands here once more, word for word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, include, path, reverse

from erp.accounts.models import AuditEntry, Company, Role, User
from erp.accounts.permissions import (
    ROLE_PERMISSIONS,
    Permission,
    permission_of,
    route,
    routes_check,
)
from erp.catalog.models import Product, Sku
from erp.sales.defaults import company_defaults_create
from erp.sales.models import Carrier, PaymentMethod, ShippingMethod
from erp.stock.services import warehouse_default_create
from kwai_integration.setup.stores import store_install


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


ROOMS = [path("open/", page, name="open"), route("said/", page, "said", Permission.VIEW)]
urlpatterns = [path("", include((ROOMS, "rooms"))), path("", include("erp.urls"))]

METHODS = ("GET", "POST")
# What each page takes; of two, the second is for whoever changes something there.
EXPECTED = {
    "login": "public",
    "logout": "public",
    "setup": "public",
    "company": "manage",
    "web:favicon": "public",
    "web:healthz": "public",
    "web:readyz": "public",
    "web:metrics": "public",
    "users": "manage",
    "user_create": "manage",
    "user": "manage",
    "user_password_link": "manage",
    "password_set": "public",
    "web:home": "member",
    "web:search": "view",
    "web:list_views": "view",
    "web:list_view_delete": "view",
    "attention:condition": "member",
    "work:list": "view",
    "work:work": "view",
    "work:progress": "view",
    "work:stop": "view",
    "work:resume": "view",
    "catalog:products": "view",
    "catalog:product_create": "manage",
    "catalog:product": ("view", "manage"),
    "stock:balances": "view",
    "stock:sku": "view",
    "stock:entry": "operate",
    "stock:exit": "operate",
    "stock:count": "operate",
    "stock:warehouses": "view",
    "stock:warehouse_create": "manage",
    "stock:warehouse": ("view", "manage"),
    "kwai:stores": "view",
    "kwai:store_add": "manage",
    "kwai:store": "view",
    "kwai:store_connection": "view",
    "kwai:store_connect": "manage",
    "kwai:store_account": "manage",
    "kwai:reauthorise": "manage",
    "kwai:store_switch": "manage",
    "kwai:store_disconnect": "manage",
    "kwai:store_discard": "manage",
    "kwai:store_guide": "view",
    "kwai:store_live": "manage",
    "kwai:store_step": ("view", "manage"),
    "kwai:oauth_callback": "manage",
    "kwai:webhook": "public",
    "kwai:orders": ("view", "operate"),
    "kwai:order": "view",
    "kwai:order_fetch": "operate",
    "kwai:links": "view",
    "kwai:link": "operate",
    "kwai:jobs": ("view", "operate"),
    "kwai:job": "view",
    "kwai:job_first": "operate",
    "kwai:tour": "view",
    "kwai:tour_fold": "view",
    "sales:orders": "view",
    "sales:order": "view",
    "sales:orders_shipping": "operate",
    "sales:order_shipping": "operate",
    "sales:order_shipper": "operate",
    "sales:order_buyer": "operate",
    "sales:order_address": "operate",
    "sales:order_proposal": "operate",
    "sales:order_stock": "operate",
    "sales:order_release": "operate",
    "sales:order_handover": "operate",
    "sales:carriers": "view",
    "sales:carrier_create": "manage",
    "sales:carrier": ("view", "manage"),
    "sales:shipping_methods": "view",
    "sales:shipping_method_create": "manage",
    "sales:shipping_method": ("view", "manage"),
    "sales:payment_methods": "view",
    "sales:payment_method_create": "manage",
    "sales:payment_method": ("view", "manage"),
    "invoices:list": ("view", "operate"),
    "invoices:unlinked": ("view", "operate"),
    "invoices:months": "view",
    "invoices:export": "manage",
    "invoices:upload": "operate",
    "invoices:issue": "operate",
    "invoices:cancel": "operate",
    "invoices:detail": "view",
    "invoices:xml": "view",
    "invoices:xml_view": "view",
    "invoices:refused_file": "view",
    "invoices:printout": ("view", "operate"),
    "invoices:correct": "operate",
    "invoices:carrier": "operate",
    "invoices:link": "operate",
    "invoices:proceed": "override",
    "invoices:unlink": "operate",
    "expedition:list": ("view", "operate"),
    "expedition:include": "operate",
    "expedition:include_invoices": "operate",
    "expedition:tracking_import": "operate",
    "expedition:scan": "operate",
    "expedition:group": "view",
    "expedition:group_codes": "operate",
    "expedition:group_conclude": "operate",
    "expedition:group_arrange": "operate",
    "expedition:group_labels": "operate",
    "expedition:group_remove": "operate",
    "expedition:group_expected": "operate",
    "expedition:group_discard": "operate",
    "expedition:shipment": "view",
    "expedition:shipment_packages": "operate",
    "expedition:shipment_arrange": "operate",
    "expedition:shipment_label": "operate",
    "expedition:shipment_carrier": "operate",
    "expedition:shipment_expected": "operate",
    "expedition:shipment_cancel": "operate",
}
# A row nobody has: who may pass the table gets 404, who may not never learns that.
ARGUMENTS = {
    "pk": 987654321,
    "token": "none",
    "part": "comprador",
    "printout": "danfe",
    "step": "conexao",
}


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with its full name, named or not."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{prefix}{entry.namespace}:" if entry.namespace else prefix
            yield from routes(entry, inner)
        else:
            yield f"{prefix}{entry.name or ''}", entry


ROUTES = dict(routes(get_resolver()))
GUARDED = [name for name in ROUTES if permission_of(name) is not Permission.PUBLIC]


# A list refuses a POST that names none of its actions, whoever sends it.
LISTS = {name for name, entry in ROUTES.items() if hasattr(entry.callback, "view_class")} | {
    "expedition:list"
}


def address(name: str) -> str:
    asked = ROUTES[name].pattern.converters
    return reverse(name, kwargs={each: ARGUMENTS[each] for each in asked})


def status(client: Client, method: str, name: str) -> int:
    return client.generic(method, address(name)).status_code


def test_every_route_asks_for_what_is_written_here() -> None:
    names = [name for name, entry in routes(get_resolver()) if entry.name]
    assert len(names) == len(set(names)) == len(list(routes(get_resolver())))
    asked = {name: tuple(permission_of(name, method) for method in METHODS) for name in names}
    assert asked == {
        name: levels if isinstance(levels, tuple) else (levels, levels) for name, levels in EXPECTED.items()
    }


@pytest.mark.django_db
def test_a_route_without_a_permission_ends_the_start_and_opens_to_nobody(
    settings: Any, admin: User, sign_in: Callable[[User], Client]
) -> None:
    assert routes_check() == []
    settings.ROOT_URLCONF = __name__
    assert [error.msg.split(" não ")[0] for error in routes_check()] == ["A rota rooms:open"]
    client = sign_in(admin)
    assert [client.get(address).status_code for address in ("/open/", "/said/")] == [403, 200]


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.django_db
def test_anonymous_is_sent_to_the_login(name: str, method: str) -> None:
    answer = Client().generic(method, address(name))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("login"))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.django_db
def test_role_opens_what_the_table_says_and_nothing_else(
    role: str, method: str, make_user: Callable[..., User], sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(make_user(role))
    allowed = {name for name in GUARDED if permission_of(name, method) in ROLE_PERMISSIONS[role]}
    statuses = {name: status(client, method, name) for name in GUARDED}
    refused = {name for name, code in statuses.items() if code == 403}
    if method == "POST":
        refused -= allowed & LISTS
    assert refused == set(GUARDED) - allowed
    assert [name for name, code in statuses.items() if code >= 500] == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.django_db
def test_user_without_a_company_opens_nothing(method: str, sign_in: Callable[[User], Client]) -> None:
    client = sign_in(User.objects.create_user(username="nobody", password="x" * 12, role=Role.ADMIN))
    assert {status(client, method, name) for name in GUARDED} == {403}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.django_db
def test_rows_of_another_company_do_not_exist(
    role: str, admin: User, company: Company, other_company: Company, sign_in: Callable[[User], Client]
) -> None:
    company_defaults_create(company)
    store = store_install(company=company, name="Kwai Shop", user=admin)
    product = Product.objects.create(company=company, name="Caneca")
    sku = Sku.objects.create(company=company, product=product, code="CANECA")
    warehouse_default_create(company)
    rows = {
        "kwai:store_guide": store,
        "kwai:store_connection": store,
        "catalog:product": product,
        "stock:sku": sku,
        "stock:warehouse": company.warehouses.get(),
        "sales:carrier": Carrier.objects.filter(company=company)[0],
        "sales:shipping_method": ShippingMethod.objects.filter(company=company)[0],
        "sales:payment_method": PaymentMethod.objects.filter(company=company)[0],
    }
    stranger = User.objects.create_user(username="x", password="x" * 12, role=role, company=other_company)
    for user, expected in ((admin, 200), (stranger, 404)):
        client = sign_in(user)
        addresses = {name: reverse(name, args=[row.pk]) for name, row in rows.items()}
        found = {name: client.get(to).status_code for name, to in addresses.items()}
        assert found == dict.fromkeys(rows, expected)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
@pytest.mark.django_db
def test_a_store_one_does_not_belong_to_does_not_exist(
    role: str,
    admin: User,
    company: Company,
    make_user: Callable[..., User],
    sign_in: Callable[[User], Client],
) -> None:
    mine = store_install(company=company, name="Loja minha", user=admin)
    other = store_install(company=company, name="Loja alheia", user=admin)
    client = sign_in(make_user(role, username="membro", stores=[mine]))
    pages = ("kwai:store", "kwai:store_guide", "kwai:store_connection")
    found = {name: client.get(reverse(name, args=[other.pk])).status_code for name in pages}
    assert found == dict.fromkeys(pages, 404)
    assert client.get(reverse("kwai:store_step", args=[other.pk, "pedidos"])).status_code == 404
    assert client.get(reverse("kwai:store_step", args=[mine.pk, "pedidos"])).status_code == 200
    for name in ("web:home", "kwai:stores", "kwai:orders", "kwai:links", "kwai:jobs", "sales:orders"):
        assert "Loja alheia" not in client.get(reverse(name)).content.decode(), name


@pytest.mark.django_db
def test_no_post_reaches_a_store_of_another_company(
    admin: User, company: Company, other_company: Company, sign_in: Callable[[User], Client]
) -> None:
    store = store_install(company=company, name="Loja alheia", user=admin)
    stranger = User.objects.create_user(username="x", role=Role.ADMIN, company=other_company)
    client = sign_in(stranger)
    before = AuditEntry.objects.count()
    posts = {
        reverse("kwai:store_connect", args=[store.pk]): {},
        reverse("kwai:store_account", args=[store.pk]): {"do": "use"},
        reverse("kwai:store_switch", args=[store.pk]): {"to": "active"},
        reverse("kwai:store_disconnect", args=[store.pk]): {},
        reverse("kwai:store_discard", args=[store.pk]): {},
        reverse("kwai:store_step", args=[store.pk, "conexao"]): {"name": "Minha", "do": "save"},
        reverse("kwai:store_step", args=[store.pk, "pedidos"]): {"do": "later"},
    }
    assert {address: client.post(address, body).status_code for address, body in posts.items()} == (
        dict.fromkeys(posts, 404)
    )
    assert client.get(reverse("kwai:reauthorise", args=[store.pk])).status_code == 404
    assert client.get(reverse("kwai:store_live", args=[store.pk])).status_code == 404
    assert AuditEntry.objects.count() == before
