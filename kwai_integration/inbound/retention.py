"""How long the platform's answers are kept: `KWAI_ANSWER_DAYS` after the order ended."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q

from erp import clock
from erp.accounts.models import Store
from erp.sales.statuses import OrderStatus
from kwai_integration.models import KwaiOrderAnswer, KwaiOrderState
from kwai_integration.situations import roles_of
from kwai_integration.wire.codes import ARRIVED_ROLES, KwaiRole

BATCH = 1000
ENDED_HERE = (OrderStatus.DELIVERED, OrderStatus.CANCELLED)
ENDED_THERE = (*ARRIVED_ROLES, KwaiRole.CLOSED)


def answers_expire() -> int:
    """Empty answers of orders that ended more than `KWAI_ANSWER_DAYS` days ago, at most one batch; how many.

    Only from their own table; what still lies in its former place waits for `moving`. An answer that is
    stored anew meanwhile stays.
    """
    days = settings.KWAI_ANSWER_DAYS
    if days == 0:
        return 0
    old = KwaiOrderAnswer.objects.filter(stored_at__lt=clock.after(-timedelta(days=days)))
    ids = list(old.filter(ended_before(days)).order_by("stored_at").values_list("pk", flat=True)[:BATCH])
    old.filter(pk__in=ids).delete()
    return len(ids)


def ended_before(days: int) -> Q:
    """Answers of orders that ended so many days ago.

    An order that was received has ended when it is *entregue* or *cancelado* here, or Kwai closed it and
    nobody has to say any more what came of its parcel; when no refund of it is open, and its last answer has
    been taken over. The days count from the last change of the order here, or of Kwai's answer, whichever is
    later: what is still returned, refunded or corrected has not ended.

    An order that was never received has ended when its situation at Kwai is delivered, completed or closed;
    the days count from Kwai's last answer.
    """
    order = "kwai_order__order__"
    over = Q(**{f"{order}status__in": ENDED_HERE}) | Q(
        **{f"{order}closed_at__isnull": False, f"{order}handover_unclear": False}
    )
    received = over & Q(
        kwai_order__state=KwaiOrderState.RECEIVED,
        kwai_order__received_digest=F("kwai_order__digest"),
        **{f"{order}refund_open": False, f"{order}updated_at__lt": clock.after(-timedelta(days=days))},
    )
    return received | _never_received()


def _never_received() -> Q:
    never = Q(pk__in=[])
    for store_id, roles in roles_of(list(Store.objects.values_list("pk", flat=True))).items():
        codes = [code for code, role in roles.items() if role in ENDED_THERE]
        never |= Q(
            kwai_order__store_id=store_id,
            kwai_order__order__isnull=True,
            kwai_order__remote_status__in=codes,
        )
    return never
