"""What only a person can decide about an order that stands still."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import User
from erp.sales.models import Order, RefundStatus
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from erp.sales.stock import order_stock_return
from erp.sales.timeline import order_event

RELEASED = "Liberado mesmo assim: o comprador foi reembolsado e o pedido segue por decisão de {actor}."
CAME_BACK = "O pacote voltou, disse {actor}: o pedido foi cancelado e a mercadoria volta ao estoque."
ARRIVED = "O pacote foi entregue, disse {actor}: o pedido fica como entregue e nada volta ao estoque."


@transaction.atomic
def order_refund_release(*, order_id: int, actor: User) -> bool:
    """*Liberar mesmo assim*: an order whose buyer was refunded moves on. False when no paid refund holds
    it."""
    order = Order.objects.filter(pk=order_id).lock_for_update().first()
    if order is None or not order.refund_open or order.refund_status != RefundStatus.PAID:
        return False
    order.refund_open, order.refund_released_at, order.refund_released_by = False, timezone.now(), actor
    order.save(update_fields=["refund_open", "refund_released_at", "refund_released_by"])
    text = RELEASED.format(actor=actor.get_full_name() or actor.username)
    order_event(order.pk, "refund_released", text, actor=actor)
    channels.orders_released([order.pk])
    return True


@transaction.atomic
def order_handover_settle(*, order_id: int, came_back: bool, actor: User) -> bool:
    """What became of the parcel of an order that was closed after its hand-over: *o pacote voltou* cancels
    the order and puts its goods back, *foi entregue* leaves them sold. False when nothing is open."""
    order = Order.objects.filter(pk=order_id, handover_unclear=True).lock_for_update().first()
    if order is None:
        return False
    Order.objects.filter(pk=order.pk).update(handover_unclear=False)
    status = OrderStatus.CANCELLED if came_back else OrderStatus.DELIVERED
    text = (CAME_BACK if came_back else ARRIVED).format(actor=actor.get_full_name() or actor.username)
    order_event(order.pk, "handover", text, actor=actor)
    orders_status_set(
        wanted={order.pk: status},
        actor=actor,
        reason="dito por uma pessoa",
        backwards=True,
        goods_stay=[order.pk] if came_back else (),
    )
    if came_back:
        order_stock_return(order_id=order.pk, actor=actor)
    channels.order_handover_settled([order.pk], reason=text)
    return True
