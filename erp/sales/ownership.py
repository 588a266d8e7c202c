"""Buyer and address belong to the platform until an operator edits them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import User
from erp.brazil.documents import ADDRESS_NEEDS, is_masked
from erp.sales.models import Buyer, DeliveryAddress, Order
from erp.sales.timeline import order_event

BUYER_FIELDS = ("name", "tax_id", "tax_id_kind", "phone")
ADDRESS_FIELDS = (
    "recipient",
    "postal_code",
    "state_code",
    "city",
    "district",
    "street",
    "number",
    "complement",
    "problem",
)


def address_problem(fields: dict[str, Any], channel: str = "") -> str:
    """Why label and NF-e cannot be made with this address, or an empty text; `channel` is its store's key."""
    masked = [label for name, label in ADDRESS_NEEDS.items() if is_masked(str(fields.get(name, "")))]
    missing = [label for name, label in ADDRESS_NEEDS.items() if not fields.get(name)]
    if masked:
        return f"O {channels.label(channel)} ainda esconde: {', '.join(masked)}."
    return f"Falta no endereço: {', '.join(missing)}." if missing else ""


@transaction.atomic
def buyer_edit(*, order: Order, fields: dict[str, Any], actor: User) -> None:
    """From now on the platform's changes wait for *aceitar* or *manter*."""
    _edit(Buyer, order, fields, actor, "Comprador editado")


@transaction.atomic
def address_edit(*, order: Order, fields: dict[str, Any], actor: User) -> None:
    """As `buyer_edit`, and the address is judged anew."""
    _edit(
        DeliveryAddress,
        order,
        {**fields, "problem": address_problem(fields, order.store.channel)},
        actor,
        "Endereço de entrega editado",
    )


@transaction.atomic
def proposal_accept(*, part: Buyer | DeliveryAddress, actor: User) -> None:
    """Take what the platform sent; the part follows the platform again."""
    part = type(part).objects.select_for_update().get(pk=part.pk)
    if part.proposal is None:
        return
    names = BUYER_FIELDS if isinstance(part, Buyer) else ADDRESS_FIELDS
    if isinstance(part, DeliveryAddress):
        part.city_code = ""  # it was typed for the place the operator had written
    for name in names:
        if name in part.proposal:
            setattr(part, name, part.proposal[name])
    part.edited_at = part.proposal = None
    part.save()
    order_event(part.order_id, "edited", "Mudança vinda do e-commerce aceita", actor=actor)


@transaction.atomic
def proposal_keep(*, part: Buyer | DeliveryAddress, actor: User) -> None:
    """Keep what the operator wrote and forget the platform's proposal."""
    if type(part).objects.filter(pk=part.pk, proposal__isnull=False).update(proposal=None):
        order_event(
            part.order_id,
            "edited",
            "Mudança vinda do e-commerce recusada: mantido o que foi editado aqui",
            actor=actor,
        )


def _edit(
    model: type[Buyer] | type[DeliveryAddress], order: Order, fields: dict[str, Any], actor: User, text: str
) -> None:
    changes = {**fields, "edited_at": timezone.now(), "proposal": None}
    model.objects.update_or_create(order=order, defaults=changes)
    order_event(order.pk, "edited", text, actor=actor)
