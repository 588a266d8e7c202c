"""How a parcel came to be on its way under its number, in one of three sentences.

*Sent by us* is what Kwai confirmed to a push of ours, also when another code was typed here since; *outside
the ERP* is any other number of a seller's parcel; what Kwai carries is *reissued* by Kwai itself, which the
expedição says (`Shipment.former_code_text`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from kwai_integration.outbound.kinds import Kind

NO_OTHER = "O Kwai não aceita outro código depois do despacho; o novo vale só aqui, e a entrega segue."
# Idempotency keys of confirmed codes, by (store, order at Kwai).
Sent = Mapping[tuple[int, str], Collection[str]]


def codes_sent(orders: Collection[Order]) -> Sent:
    """What Kwai confirmed of our codes for these orders; one query."""
    done = PushJob.objects.facts().filter(
        kind=Kind.SEND_TRACKING,
        state=JobState.DONE,
        store__in={order.store_id for order in orders},
        subject__in={order.external_id for order in orders},
    )
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for store_id, subject, key in done.values_list("store_id", "subject", "idempotency_key"):
        found[store_id, subject].append(key or "")
    return found


def is_sent_by_us(order: Order, number: str, sent: Sent) -> bool:
    return any(key.endswith(f":{number}") for key in sent.get((order.store_id, order.external_id), ()))


def dispatch_text(order: Order, number: str, sent: Sent) -> str:
    """The sentence for the number of a parcel that the seller ships; without one Kwai does not tell it."""
    if not number:
        return "Despachado fora do ERP com um código que o Kwai não informa."
    if is_sent_by_us(order, number, sent):
        return f"Enviado por nós com {number}."
    return f"Despachado fora do ERP com {number}."
