"""The guided tour of the demonstration: the loop in steps, each ticked off by what really happened.

Nothing of it is stored: a tick is read from the rows the step leaves behind, so it cannot lie.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When
from django.http import HttpRequest
from django.urls import reverse

from erp.accounts.models import Store, StoreLifecycle, User
from erp.accounts.permissions import may
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptOutcome, JobState
from erp.sales.models import Order, OrderStatus, ShippedBy
from erp.sales.statuses import TO_SHIP
from erp.web.requests import user_of
from expedition.models import Shipment, ShippingLabel
from invoices.models import ISSUED, Invoice
from kwai_integration.models import CHANNEL_KEY, KwaiOrder
from kwai_integration.outbound.kinds import Kind

FOLDED = "tour_folded"
# The order the tour follows is looked for among the newest, so that a full shop costs no more.
LOOKED_AT = 200
TROUBLE = (
    AttemptOutcome.NOT_SENT,
    AttemptOutcome.UNKNOWN,
    AttemptOutcome.LIMITED,
    AttemptOutcome.CREDENTIAL,
    AttemptOutcome.LOST,
)


TEXTS = {
    "install": (
        "Instalar a integração",
        "Em Integrações, adicione a Kwai Shop e clique em instalar.",
        "Adicionar integração",
    ),
    "connect": (
        "Conectar a loja",
        "Clique em conectar com Kwai: uma aba do Kwai simulado abre. Escolha a Loja Aurora, leia os termos,"
        " autorize e confirme a conta.",
        "Abrir a integração",
    ),
    "activate": (
        "Ativar",
        "Passe pelas etapas com salvar e avançar e, na revisão, ative: os pedidos começam a chegar.",
        "Abrir a integração",
    ),
    "buy": (
        "Criar um pedido no Kwai simulado",
        "Faça o papel do comprador: na central do vendedor, clique em criar um pedido pago. Em segundos ele"
        " aparece no ERP.",
        "Abrir o Kwai simulado",
    ),
    "receive": (
        "Receber o pedido",
        "Em Pedidos no e-commerce, marque o pedido e use receber pedidos: ele vira um pedido de venda.",
        "Ver pedidos no e-commerce",
    ),
    "invoice": (
        "Gerar a nota fiscal",
        "Confira os dados do pedido e clique em gerar NF-e de demonstração. Numa loja de verdade a nota vem"
        " do seu emissor.",
        "Gerar a nota",
    ),
    "method": (
        "Escolher a forma de envio",
        "Diga por onde o pedido vai, por exemplo Correios PAC.",
        "Editar o envio",
    ),
    "pack": (
        "Concluir a expedição",
        "Inclua o pedido em uma expedição, digite o código de rastreio e conclua a PLP.",
        "Incluir expedição",
    ),
    "track": (
        "Enviar o rastreio ao Kwai",
        "No menu (...) da expedição, use enviar código de rastreio para o e-commerce: a nota vai junto e o"
        " pedido fica Enviado.",
        "Abrir a expedição",
    ),
    "deliver": (
        "Marcar como entregue",
        "Quando o pacote chegar, use marcar pedidos como entregue no menu (...) da expedição.",
        "Abrir a expedição",
    ),
    "arrange": (
        "Programar um envio do Kwai Envios",
        "No Kwai simulado crie um pedido pago com Kwai Envios; aqui receba-o e gere a nota. Depois, na"
        " expedição, use programar envio: transportadora e número vêm do Kwai, não há código a digitar.",
        "Abrir a expedição",
    ),
    "label": (
        "Imprimir a etiqueta do Kwai",
        "Com o envio programado, use imprimir etiquetas no menu (...) da expedição e cole a etiqueta no"
        " pacote.",
        "Abrir a expedição",
    ),
    "collect": (
        "Entregar à coleta",
        "Conclua a coleta aqui. No Kwai simulado use coletado pelo transportador: quando o Kwai diz enviado,"
        " o pedido fica Enviado sem que você envie rastreio.",
        "Incluir expedição",
    ),
    "break": (
        "Quebrar algo",
        "No Kwai simulado ligue uma falha, por exemplo “O Kwai grava e a resposta se perde”, e leve outro"
        " pedido até o rastreio.",
        "Escolher uma falha",
    ),
    "safe": (
        "Ver que nada se perdeu",
        "Em Envios ao Kwai veja a tentativa que falhou e a que concluiu; no Kwai simulado, em Gravações, nada"
        " em dobro.",
        "Ver os envios",
    ),
}


@dataclass(frozen=True, slots=True)
class TourPlace:
    """Where a step is done: a page of the ERP, or one of the simulated Kwai (`sandbox_path`)."""

    url_name: str = ""
    pk: int | None = None
    query: str = ""
    sandbox_path: str = ""

    def address(self, user: User) -> str:
        """The finished address; empty for a role that may not go there."""
        if self.sandbox_path:
            return f"{settings.KWAI_API_URL}/{self.sandbox_path}"
        if not may(user, self.url_name):
            return ""
        return reverse(self.url_name, args=[self.pk] if self.pk else []) + self.query


@dataclass(frozen=True, slots=True)
class TourStep:
    """One thing to do, and whether it has happened."""

    title: str
    text: str
    button: str
    url: str
    is_outside: bool
    is_done: bool
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Tour:
    """`steps` in order; `next` is None once all are done."""

    steps: tuple[TourStep, ...]
    sandbox_url: str = ""
    folded: bool = False
    next: TourStep | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "next", next((step for step in self.steps if step.is_next), None))

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def state(self) -> str:
        """Changes whenever the card does: the page sends back the one it shows."""
        ticks = "".join("x" if step.is_done else "-" for step in self.steps)
        return (
            f"{ticks}.{self.steps.index(self.next) if self.next else ''}.{self.next.url if self.next else ''}"
        )


def tour_of(request: HttpRequest) -> Tour | None:
    """The tour as this user's rows have it; None outside the demonstration. Six queries at most."""
    if not settings.ERP_DEMO:
        return None
    user = user_of(request)
    seen = _Seen.by(user)
    steps = [
        TourStep(*TEXTS[key], place.address(user), bool(place.sandbox_path), done)
        for key, (done, place) in _progress_of(seen).items()
    ]
    first = next((position for position, step in enumerate(steps) if not step.is_done), None)
    if first is not None:
        steps[first] = replace(steps[first], is_next=True)
    folded = bool(request.session.get(FOLDED))
    return Tour(tuple(steps), sandbox_url=f"{settings.KWAI_API_URL}/_sandbox/", folded=folded)


def tour_panel(request: HttpRequest) -> dict[str, Any] | None:
    """The home page's panel, for `erp.web.registry`."""
    tour = tour_of(request)
    return {"tour": tour} if tour else None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the tables say, read once."""

    store: Store | None = None
    connected_at: datetime | None = None
    bought: bool = False
    order: Any = None
    carried: Any = None
    troubled: frozenset[str] = frozenset()

    @classmethod
    def by(cls, user: User) -> _Seen:
        store = _furthest(Store.objects.visible_to(user).filter(channel=CHANNEL_KEY))
        if store is None:
            return cls()
        connected_at = store.kwai_account.connected_at
        return cls(
            store=store,
            connected_at=connected_at,
            bought=connected_at is not None
            and KwaiOrder.objects.visible_to(user).filter(placed_at__gte=connected_at).exists(),
            order=_followed(user),
            carried=_carried(user),
            troubled=_troubled(user),
        )


def _furthest(stores: Any) -> Store | None:
    """The store that has come furthest; the newest of several."""
    rows = stores.filter(kwai_account__isnull=False).select_related("kwai_account")
    return max(
        rows,
        key=lambda store: (store.is_active, store.kwai_account.connected_at is not None, store.pk),
        default=None,
    )


def _followed(user: User) -> Any:
    """The order that has come furthest on the way, the newest of several, with its ticks; or None."""
    newest = _newest(user).exclude(shipped_by=ShippedBy.CHANNEL)
    pushes = _confirmed()
    concluded = Shipment.objects.active().filter(order=OuterRef("pk"), concluded_at__isnull=False)
    return (
        Order.objects.filter(pk__in=newest.values("pk")[:LOOKED_AT])
        .annotate(
            is_invoiced=Exists(Invoice.objects.filter(order=OuterRef("pk"), status__in=ISSUED)),
            is_packed=Exists(concluded),
            is_tracked=Exists(pushes.filter(kind=Kind.SEND_TRACKING)),
            is_delivered=Exists(pushes.filter(kind=Kind.CONFIRM_DELIVERY)),
        )
        .annotate(progress=_rank())
        .order_by("-progress", "-placed_at", "-pk")
        .first()
    )


def _carried(user: User) -> Any:
    """The same among the orders that the platform carries itself."""
    newest = _newest(user).filter(shipped_by=ShippedBy.CHANNEL)
    printed = ShippingLabel.objects.filter(shipment__order=OuterRef("pk"), printed_at__isnull=False)
    return (
        Order.objects.filter(pk__in=newest.values("pk")[:LOOKED_AT])
        .annotate(
            is_arranged=Exists(_confirmed().filter(kind=Kind.ARRANGE_SHIPMENT)),
            is_labelled=Exists(printed),
            is_collected=Exists(
                Shipment.objects.filter(order=OuterRef("pk"), concluded_at__isnull=False).filter(
                    order__status__in=(OrderStatus.SHIPPED, OrderStatus.DELIVERED)
                )
            ),
        )
        .order_by("-is_collected", "-is_labelled", "-is_arranged", "-placed_at", "-pk")
        .first()
    )


def _newest(user: User) -> Any:
    return Order.objects.visible_to(user).filter(store__channel=CHANNEL_KEY).order_by("-placed_at", "-pk")


def _confirmed() -> Any:
    """Pushes of an order (outer reference) that the platform has confirmed."""
    return PushJob.objects.filter(
        store=OuterRef("store"), subject=OuterRef("external_id"), state=JobState.DONE
    )


def _rank() -> Case:
    """How far an order is; one that nobody has begun counts more when it is ready to be shipped."""
    conditions = (
        Q(status__in=TO_SHIP),
        Q(is_invoiced=True),
        Q(is_invoiced=True, shipping_method__isnull=False),
        Q(is_packed=True),
        Q(is_tracked=True),
        Q(is_delivered=True),
    )
    ranked = [When(condition, then=Value(rank)) for rank, condition in enumerate(conditions, 1)]
    return Case(*reversed(ranked), default=Value(0), output_field=IntegerField())


def _troubled(user: User) -> frozenset[str]:
    """States of the pushes that met with trouble on their way."""
    rows = PushAttempt.objects.filter(job__in=PushJob.objects.visible_to(user), outcome__in=TROUBLE)
    return frozenset(rows.values_list("job__state", flat=True).distinct())


def _progress_of(seen: _Seen) -> dict[str, tuple[bool, TourPlace]]:
    """Per step, in order, whether it has happened and where it is done."""
    store, troubled = seen.store, seen.troubled
    at_store = TourPlace("kwai:store", store.pk) if store else TourPlace("kwai:stores")
    return {
        "install": (store is not None, at_store if store else TourPlace("kwai:store_add")),
        "connect": (seen.connected_at is not None, at_store),
        "activate": (store is not None and store.lifecycle == StoreLifecycle.ACTIVE, at_store),
        "buy": (seen.bought, TourPlace(sandbox_path="_sandbox/")),
        **_order_progress(seen),
        "break": (bool(troubled), TourPlace(sandbox_path="_sandbox/centre/faults")),
        "safe": (JobState.DONE in troubled, TourPlace("kwai:jobs")),
    }


def _order_progress(seen: _Seen) -> dict[str, tuple[bool, TourPlace]]:
    """The steps of one parcel of an own carrier, then of one that Kwai Envios carries."""
    order, carried = seen.order, seen.carried
    at_orders, at_shipments = TourPlace("kwai:orders"), TourPlace("expedition:list")
    at_invoice = TourPlace("invoices:issue", query=f"?order={order.pk}") if order else at_orders
    at_shipping = TourPlace("sales:order_shipping", order.pk) if order else at_orders
    has_method = bool(order and (order.shipping_method_id or order.is_packed))
    return {
        "receive": (order is not None, at_orders),
        "invoice": (_has(order, "is_invoiced"), at_invoice),
        "method": (has_method, at_shipping),
        "pack": (_has(order, "is_packed"), TourPlace("expedition:include")),
        "track": (_has(order, "is_tracked"), at_shipments),
        "deliver": (_has(order, "is_delivered"), at_shipments),
        "arrange": (_has(carried, "is_arranged"), at_shipments),
        "label": (_has(carried, "is_labelled"), at_shipments),
        "collect": (_has(carried, "is_collected"), TourPlace("expedition:include")),
    }


def _has(order: Order | None, name: str) -> bool:
    """An annotation of the tour's query."""
    return order is not None and bool(getattr(order, name))
