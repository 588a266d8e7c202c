"""Orders the platform has closed (role *closed*, contract 3.1).

A closed order is cancelled here, unless its parcel is known to have left: then it keeps its situation and
nothing goes back to stock. When all that is known is that the parcel was handed over, a person says what came
of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils import timezone

from erp.accounts.models import User
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from erp.sales.services import EventDraft, order_events_append
from erp.sales.statuses import OrderStatus
from expedition.models import GroupStatus, Shipment, ShipmentStatus
from kwai_integration.models import KwaiOrder
from kwai_integration.outbound.kinds import Kind

CLOSED_EVENT = "kwai.closed"
KEPT = "O Kwai encerrou o pedido, que já tinha sido enviado: a situação daqui fica e nada volta ao estoque."
UNCLEAR = (
    "O Kwai encerrou o pedido depois que o pacote saiu com a transportadora. Diga nesta página se o pacote "
    "voltou ou foi entregue; até lá o pedido fica parado e nada volta ao estoque."
)
LATE = (
    "O Kwai conta só agora que o pacote já tinha saído quando encerrou o pedido, e o estoque daqui já foi "
    "liberado. Se a mercadoria não voltou, acerte o saldo com um balanço."
)


@dataclass(frozen=True, slots=True)
class Closed:
    """Of orders that the platform closed: those that keep their situation, and those whose goods are in the
    house and have not been given back yet."""

    kept: frozenset[int] = frozenset()
    at_home: frozenset[int] = frozenset()


def orders_close(order_ids: Collection[int], *, actor: User | None) -> Closed:
    """Mark these closed orders. Call inside a transaction that has locked them; nothing is written for orders
    that were marked before."""
    if not order_ids:
        return Closed()
    handed_over = Shipment.objects.filter(
        order=OuterRef("pk"),
        status__in=(ShipmentStatus.CONCLUDED, ShipmentStatus.DELIVERED),
        group__status=GroupStatus.CONCLUDED,
    )
    rows = Order.objects.filter(pk__in=order_ids).annotate(
        is_shipped=Exists(KwaiOrder.objects.filter(order=OuterRef("pk"), first_shipped_at__isnull=False)),
        is_sent=Exists(
            PushJob.objects.filter(
                store=OuterRef("store"),
                subject=OuterRef("external_id"),
                kind__in=(Kind.SEND_TRACKING, Kind.CONFIRM_DELIVERY),
                state=JobState.DONE,
            )
        ),
        is_handed_over=Exists(handed_over),
    )
    known: set[int] = set()
    unclear: set[int] = set()
    new: set[int] = set()
    for pk, closed_at, undecided, shipped, sent, handed in rows.values_list(
        "pk", "closed_at", "handover_unclear", "is_shipped", "is_sent", "is_handed_over"
    ):
        if shipped or sent:
            known.add(pk)
        elif handed or undecided:
            unclear.add(pk)
        if closed_at is None:
            new.add(pk)
    _mark(new, known, unclear, actor)
    return Closed(frozenset(known | unclear), frozenset(new - known - unclear))


def orders_shipped_late(order_ids: Collection[int]) -> None:
    """The platform says afterwards that parcels of closed orders had left: tell those that were taken for
    never handed over. Call inside a transaction."""
    if not order_ids:
        return
    closed = Order.objects.filter(pk__in=order_ids, closed_at__isnull=False, handover_unclear=False)
    freed = closed.exclude(status__in=(OrderStatus.SHIPPED, OrderStatus.DELIVERED))
    drafts = [EventDraft(pk, CLOSED_EVENT, LATE) for pk in freed.values_list("pk", flat=True)]
    order_events_append(drafts=drafts)


def _mark(new: set[int], known: set[int], unclear: set[int], actor: User | None) -> None:
    if not new:
        return
    now = timezone.now()
    Order.objects.filter(pk__in=new - unclear).update(closed_at=now, updated_at=now)
    Order.objects.filter(pk__in=new & unclear).update(closed_at=now, handover_unclear=True, updated_at=now)
    drafts = [EventDraft(pk, CLOSED_EVENT, KEPT) for pk in new & known]
    drafts += [EventDraft(pk, CLOSED_EVENT, UNCLEAR) for pk in new & unclear]
    order_events_append(drafts=drafts, actor=actor)
