"""Calls of a handler: the client of the job's store, its errors in the outbox's words, its exchanges
on the attempt's row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from django.utils import timezone

from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushRefused
from erp.sales.models import Order
from expedition.models import Shipment
from kwai_integration import refusals
from kwai_integration.client.gateway import KwaiClient
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.mapping.orders import MappedOrder, order_read
from kwai_integration.outbound.failures import push_error
from kwai_integration.situations import store_roles
from kwai_integration.wire import errors
from kwai_integration.wire.types import Exchange


@dataclass(frozen=True)
class _TurnRecorder:
    context: AttemptContext

    def record(self, exchange: Exchange) -> None:
        self.context.note(
            http_status=exchange.http_status,
            remote_code="" if exchange.code is None else str(exchange.code),
            exchange=asdict(exchange),
        )


@contextmanager
def calling(context: AttemptContext) -> Iterator[KwaiClient]:
    """`with calling(context) as client:` raises only `PushError`s."""
    try:
        yield client_for(context.job.store_id, share="push", recorder=_TurnRecorder(context))
    except (errors.KwaiError, NotConnected) as error:
        raise push_error(error) from None


def frozen_check(row: Order | Shipment) -> None:
    """Raises `PushRefused` while the order must not move on.

    Asked right before a write and never before reading back: what Kwai may already hold is found out
    although the order froze meanwhile.
    """
    if reason := row.frozen_reason:
        raise PushRefused(reason)


def remote_order(client: KwaiClient, store_id: int, external_id: str) -> MappedOrder:
    """The order as Kwai has it now; its `unread` names what could not be read.

    Raises `PushRefused` when Kwai no longer knows it.
    """
    roles = store_roles(store_id)
    for raw in client.order_details([external_id]):
        mapped = order_read(raw, timezone.now(), roles, client.names)
        if isinstance(mapped, MappedOrder) and mapped.external_id == external_id:
            return mapped
    raise PushRefused(refusals.ORDER_NOT_RETURNED)
