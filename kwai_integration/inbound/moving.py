"""Taking answers out of the rows of orders, where they lay before they had a table of their own.

In slices, each a transaction that also moves the mark: a killed worker loses and doubles nothing, and whoever
stages a page waits for one slice at most. Ends by itself.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import F, Q

from kwai_integration.models import AnswerMove, KwaiOrder, KwaiOrderAnswer

SLICE = 500


def answers_to_move() -> bool:
    """Whether answers may be left in the rows of orders."""
    return AnswerMove.objects.exists()


@transaction.atomic
def answers_move() -> int:
    """Move one slice; how many answers left their former place. 0 when none is left, or somebody is at it."""
    move = AnswerMove.objects.select_for_update(skip_locked=True).order_by("pk").first()
    if move is None:
        return 0
    # Locked in the order in which staging and receiving lock them, or the two would wait for each other.
    rows = KwaiOrder.objects.select_for_update(no_key=True).filter(pk__gt=move.up_to).order_by("pk")
    here = rows.filter(~Q(payload="") | Q(payload_bytes__isnull=False))
    ids = list(here.values_list("pk", flat=True)[:SLICE])
    if not ids:
        move.delete()
        return 0
    _copy(ids)
    # Nothing that a page shows has changed.
    KwaiOrder.objects.filter(pk__in=ids).update(payload="", payload_bytes=None, updated_at=F("updated_at"))
    move.up_to = ids[-1]
    move.save(update_fields=["up_to"])
    return len(ids)


def _copy(ids: list[int]) -> None:
    """Inside the database. What lies in the former place is the newest (`payload`)."""
    answers, orders = KwaiOrderAnswer._meta.db_table, KwaiOrder._meta.db_table
    marks = ", ".join(["%s"] * len(ids))
    # Names come from the models alone; the ids are parameters.
    sql = (
        f"INSERT INTO {answers} (kwai_order_id, text, raw, truncated, stored_at) "  # noqa: S608
        "SELECT id, payload, payload_bytes, payload_truncated, fetch_started_at "
        f"FROM {orders} WHERE id IN ({marks}) ON CONFLICT (kwai_order_id) DO UPDATE SET "
        "text = excluded.text, raw = excluded.raw, truncated = excluded.truncated, "
        "stored_at = excluded.stored_at"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, ids)
