"""*Expedição*: two lists under one address.

`GroupList` opens, a row for each group; `ShipmentList`, a row for each shipment, is *visão por pedidos* of
the filter *Agrupamentos*.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from erp import channels
from erp.channels import RowResult
from erp.sales.models import Order, ShippingKind, ShippingMethod
from erp.sales.statuses import TO_SHIP
from erp.sales.views.scope import deadline_filter
from erp.search.finding import Matches, Search
from erp.web.lists import ChoiceFilter, Column, Empty, Link, ListAction, ListPage, Sort, Tab
from erp.web.requests import company_of, id_of, user_of
from expedition import marketplace
from expedition.models import (
    GroupStatus,
    Shipment,
    ShipmentGroup,
    ShipmentQuerySet,
    ShipmentStatus,
)
from expedition.printing import label_problem
from expedition.search import groups_found, shipments_found_by
from expedition.views.printing import group_label_problem, labels_answer
from expedition.views.requests import shipments_of

BY_ORDERS = "pedidos"
LABELS, LABELS_WITH_DANFE = "labels", "labels_danfe"
PRINTS = (LABELS, LABELS_WITH_DANFE)
ACTIONS = (
    ListAction(marketplace.ARRANGE, "programar envio", "calendar", in_bar=True),
    ListAction(LABELS, "imprimir etiquetas", "printer", in_bar=True, download=True),
    ListAction(LABELS_WITH_DANFE, "imprimir etiquetas com DANFE", "printer", download=True),
    ListAction(marketplace.SEND_TRACKING, "enviar código de rastreio para o e-commerce", "send"),
    ListAction(marketplace.SEND_INVOICE, "enviar chave de acesso para o e-commerce", "key"),
    ListAction(
        marketplace.DELIVER,
        "marcar pedidos como entregue",
        "circle-check",
        confirm="Marcar como entregue? O e-commerce recebe a confirmação de entrega.",
    ),
)


def expedition_list(request: HttpRequest) -> HttpResponseBase:
    """The filter *Agrupamentos* chooses which of the two lists answers."""
    by_orders = request.GET.get("agrupamentos") == BY_ORDERS
    return (ShipmentList if by_orders else GroupList).as_view()(request)


def methods_of(request: HttpRequest) -> list[tuple[str, str]]:
    """Choices of *forma de envio*: every kind, then the company's methods that are not named like one."""
    kinds = [(str(kind.value), str(kind.label)) for kind in ShippingKind]
    own = ShippingMethod.objects.filter(company=company_of(request)).order_by("name")
    taken = {label.casefold() for _, label in kinds}
    return kinds + [(str(each.pk), each.name) for each in own if each.name.casefold() not in taken]


def _methods_watched(request: HttpRequest) -> list[QuerySet[ShippingMethod]]:
    return [ShippingMethod.objects.filter(company=company_of(request))]


def _group_method(value: str) -> Q:
    if (pk := id_of(value)) is not None:
        return Q(shipping_method_id=pk)
    return Q(shipping_method__kind=value)


def _shipment_method(value: str) -> Q:
    if (pk := id_of(value)) is not None:
        return Q(method_shown_id=pk)
    # As numbers, not as a query: the database knows how many rows have each.
    return Q(method_shown_id__in=list(ShippingMethod.objects.filter(kind=value).values_list("pk", flat=True)))


def _view_filter() -> ChoiceFilter:
    return ChoiceFilter(
        "agrupamentos",
        "Agrupamentos",
        lambda value: Q(),
        choices=((BY_ORDERS, "visão por pedidos"),),
        all_label="visão por agrupamentos",
    )


class ExpeditionList(ListPage[Any]):
    title = "Expedição"
    pretitle = "Vendas"
    search_label = channels.worded("nº de expedição, pedido, nº no {channel}, comprador ou rastreio")
    search_fields = ("number",)
    actions = ACTIONS
    # What the channel confirms arrives by itself.
    poll_seconds = 5

    def page_links(self) -> Sequence[Link]:
        return (
            Link("ler códigos", reverse("expedition:scan"), "barcode"),
            Link("importar códigos", reverse("expedition:tracking_import"), "upload"),
            Link("incluir expedição", reverse("expedition:include"), "plus", primary=True),
        )

    def _is_filtered(self) -> bool:
        """Choosing how to look at the list takes nothing out of it."""
        return bool(self.search_text or self.request.GET.get("forma") or self.request.GET.get("due"))

    def watched(self) -> Sequence[QuerySet[Any]]:
        user = user_of(self.request)
        own = (Shipment, ShipmentGroup, Order)
        return [*(model.objects.visible_to(user) for model in own), *channels.watched(user)]

    def row_url(self, obj: Shipment | ShipmentGroup) -> str:
        return obj.get_absolute_url()


@dataclass(frozen=True, slots=True)
class ShipmentExtra:
    markers: Sequence[channels.Badge]


@dataclass(frozen=True, slots=True)
class GroupExtra(ShipmentExtra):
    """`size` counts every shipment of the group, also those out of the user's reach."""

    size: int


class GroupList(ExpeditionList):
    noun = "agrupamento"
    columns = (
        Column("Número", "expedition/cells/group_number.html", sort="number"),
        Column("Data de emissão", "created_at|ago", shown_from="md", css="text-secondary"),
        Column("Forma de envio", "shipping_method.name", css="wide-cell"),
        Column("Objetos", "extra.size", numeric=True, stack_label="Objetos"),
        Column("Situação", "components/cells/status.html"),
        Column("No e-commerce", "components/cells/markers.html"),
    )
    sorts = (Sort("number", ("number",), newest_first=True, unique=True),)
    # The markers of a row are those of all its members, which may be two hundred.
    page_size = 25
    tabs = (
        Tab("todas", "todas"),
        Tab("pendentes", "pendentes", Q(status=GroupStatus.OPEN)),
        Tab("concluidas", "concluídas", Q(status=GroupStatus.CONCLUDED), always=True),
    )
    filters = (
        _view_filter(),
        ChoiceFilter(
            "forma", "Forma de envio", _group_method, choices=methods_of, read_from=_methods_watched
        ),
    )

    @property
    def empty(self) -> Empty:
        return Empty(
            "Nenhum agrupamento",
            "Inclua pedidos em uma PLP ou coleta. Os que aguardam estão em visão por pedidos.",
            Link("incluir expedição", reverse("expedition:include"), "plus"),
        )

    def queryset(self) -> QuerySet[ShipmentGroup]:
        return ShipmentGroup.objects.visible_to(user_of(self.request)).select_related("shipping_method")

    def matches(self, search: Search) -> Matches:
        return groups_found(search)

    def extras(self, objects: list[ShipmentGroup]) -> Mapping[int, GroupExtra]:
        rows = Shipment.objects.active().filter(group__in=objects).visible_to(user_of(self.request))
        badges = channels.badge_counts(rows, "group_id")
        members = Shipment.objects.filter(group__in=objects).values_list("group")
        totals = members.annotate(size=Count("pk"), own=Count("pk", filter=Q(pk__in=rows.values("pk"))))
        found = {group_id: (size, own) for group_id, size, own in totals}
        extras = {}
        for group in objects:
            size, own = found.get(group.pk, (0, 0))
            extras[group.pk] = GroupExtra(marketplace.group_badges(badges.get(group.pk, {}), own), size)
        return extras

    def _members(self, ids: Sequence[int]) -> Mapping[int, list[Shipment]]:
        """The shipments the user may see, by group; cancelled ones are asked nothing any more."""
        members: dict[int, list[Shipment]] = defaultdict(list)
        for shipment in shipments_of(self.request).active().filter(group__in=ids).order_by("number"):
            members[shipment.group_id or 0].append(shipment)
        return members

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        members = self._members(ids)
        if action in PRINTS:
            return {pk: group_label_problem(members[pk]) for pk in ids}
        return marketplace.group_reasons(action, members, ids)

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult] | HttpResponse:
        members = self._members(ids)
        shipments = [shipment for pk in ids for shipment in members[pk]]
        if action in PRINTS:
            return labels_answer(shipments, action == LABELS_WITH_DANFE, user_of(self.request))
        return marketplace.run(action, shipments, user_of(self.request))


class ShipmentList(ExpeditionList):
    noun = "expedição"
    columns = (
        Column("Nº", "expedition/cells/shipment_number.html", sort="number", export="number"),
        Column("Pedido", "expedition/cells/shipment_order.html"),
        Column("Prazo", "expedition/cells/shipment_deadline.html", sort="deadline", export="ship_by_at"),
        Column("Destinatário", "expedition/cells/shipment_recipient.html", css="wide-cell"),
        Column("NF-e", "expedition/cells/shipment_invoice.html", shown_from="xl"),
        Column("Forma de envio", "expedition/cells/shipment_method.html", shown_from="md", css="short-cell"),
        Column("Rastreio", "expedition/cells/shipment_tracking.html"),
        Column("Situação", "expedition/cells/shipment_status.html"),
        Column("No e-commerce", "components/cells/markers.html"),
    )
    sorts = (
        Sort("number", ("number",), newest_first=True, unique=True),
        Sort("deadline", ("ship_by_at",), nullable="ship_by_at"),
    )
    tabs = (
        Tab("todas", "todas"),
        Tab("pendentes", "pendentes", Q(status=ShipmentStatus.PENDING)),
        Tab(
            "concluidas",
            "concluídas",
            Q(status__in=[ShipmentStatus.CONCLUDED, ShipmentStatus.DELIVERED]),
            always=True,
        ),
    )
    filters = (
        _view_filter(),
        ChoiceFilter(
            "forma", "Forma de envio", _shipment_method, choices=methods_of, read_from=_methods_watched
        ),
        deadline_filter(Q(status=ShipmentStatus.PENDING, order__status__in=TO_SHIP)),
    )

    @property
    def empty(self) -> Empty:
        return Empty(
            "Nenhum pedido na expedição",
            "Uma NF-e autorizada e vinculada abre a expedição do pedido. Outros podem ser incluídos.",
            Link("incluir expedição", reverse("expedition:include"), "plus"),
        )

    def queryset(self) -> ShipmentQuerySet:
        return shipments_of(self.request).select_related("order__buyer")

    def matches(self, search: Search) -> Matches:
        return shipments_found_by(search)

    def row_label(self, obj: Shipment) -> str:
        return f"{obj} · pedido {obj.order.number}"

    def extras(self, objects: list[Shipment]) -> Mapping[int, ShipmentExtra]:
        self.shown = {shipment.pk: shipment for shipment in objects}
        badges = channels.badges([shipment.order_id for shipment in objects])
        return {shipment.pk: ShipmentExtra(badges[shipment.order_id]) for shipment in objects}

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        if action in PRINTS:
            return {pk: label_problem(self.shown[pk]) for pk in ids}
        return marketplace.reasons(action, [self.shown[pk] for pk in ids])

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult] | HttpResponse:
        found = {shipment.pk: shipment for shipment in self.queryset().filter(pk__in=ids)}
        shipments = [found[pk] for pk in ids]
        if action in PRINTS:
            return labels_answer(shipments, action == LABELS_WITH_DANFE, user_of(self.request))
        return marketplace.run(action, shipments, user_of(self.request))
