"""What the Kwai integration adds to the shell."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse

from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.web import registry
from erp.web.requests import user_of
from kwai_integration import consent_warnings, store_notices
from kwai_integration.demo.tour import tour_panel
from kwai_integration.inbound.import_filter import filtered_out
from kwai_integration.models import KwaiOrder, KwaiOrderState
from kwai_integration.outbound.kinds import Kind
from kwai_integration.situations import roles_of, situations
from kwai_integration.views import first_push
from kwai_integration.views.scope import kwai_stores

# More unmapped codes than anybody reads; the page of mappings has them all.
MOST_CODES = 20


def register() -> None:
    registry.home_panel_register(template="kwai/tour.html", url_name="kwai:tour", context=tour_panel)
    registry.sidebar_register(
        section="início", label="Integrações", url_name="kwai:stores", icon="plug", order=10
    )
    registry.sidebar_register(
        section="vendas",
        label="Pedidos no e-commerce",
        url_name="kwai:orders",
        icon="building-store",
        order=10,
        badge=_to_receive,
    )
    registry.sidebar_register(
        section="vendas", label="Envios ao Kwai", url_name="kwai:jobs", icon="send", order=50, badge=_blocked
    )
    registry.notice_source_register(url_name="kwai:stores", notices=consent_warnings.app_notices)
    registry.notice_source_register(url_name="kwai:reauthorise", notices=consent_warnings.notices)
    registry.notice_source_register(url_name="kwai:job_first", notices=first_push.notices)
    registry.notice_source_register(url_name="kwai:store_notice", notices=store_notices.notices)
    registry.notice_source_register(url_name="kwai:store_step", notices=_unmapped)
    registry.home_card_register(
        label="Integração com o Kwai", url_name="kwai:stores", icon="plug", content=_connection, order=5
    )
    registry.home_card_register(
        label="Pedidos a receber", url_name="kwai:orders", icon="building-store", content=_waiting, order=10
    )


def _open_orders(request: HttpRequest) -> int:
    """Orders somebody can do something about; what the import filter keeps outside moves by itself."""
    waiting = (KwaiOrderState.STAGED, KwaiOrderState.UNLINKED, KwaiOrderState.QUARANTINED)
    rows = KwaiOrder.objects.visible_to(user_of(request)).filter(state__in=waiting)
    return rows.exclude(filtered_out()).count()


def _to_receive(request: HttpRequest) -> int | None:
    return _open_orders(request) or None


def _unmapped(request: HttpRequest) -> Iterator[registry.Notice]:
    """On the first page: situations of received orders that nobody gave a meaning."""
    if not request.resolver_match or request.resolver_match.view_name != "web:home":
        return
    rows = KwaiOrder.objects.visible_to(user_of(request)).filter(order__isnull=False)
    rows = rows.exclude(remote_status__in=["", *situations().rows]).order_by()
    seen = list(rows.values_list("store_id", "store__name", "remote_status").distinct()[:MOST_CODES])
    roles = roles_of({store_id for store_id, _, _ in seen})
    for store_id, name, code in seen:
        if code not in roles[store_id]:
            url = reverse("kwai:store_step", args=[store_id, "mapeamentos"])
            yield registry.Notice(
                text=f"{name}: há pedidos na situação {code} do Kwai, que ninguém mapeou: nada é enviado.",
                label="abrir Mapeamentos",
                url=f"{url}#situation",
                tone="warning",
            )


def _blocked(request: HttpRequest) -> int | None:
    rows = PushJob.objects.visible_to(user_of(request)).filter(kind__in=list(Kind), state=JobState.BLOCKED)
    return rows.count() or None


def _connection(request: HttpRequest) -> registry.CardContent | None:
    stores = list(kwai_stores(request))
    working = [store for store in stores if store.is_active and store.kwai_account.is_connected]
    if not stores:
        return registry.CardContent(0, "nenhuma loja do Kwai instalada", "Adicionar integração", "orange")
    tone = "green" if len(working) == len(stores) else "orange"
    return registry.CardContent(
        f"{len(working)}/{len(stores)}", "lojas do Kwai ativas e conectadas", "Ver", tone
    )


def _waiting(request: HttpRequest) -> registry.CardContent | None:
    count = _open_orders(request)
    return (
        registry.CardContent(count, "pedidos do Kwai esperam por você", "Receber", "blue") if count else None
    )
