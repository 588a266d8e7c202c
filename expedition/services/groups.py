"""*Agrupamentos*: created, filled, emptied and concluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import Counter, Role, Store, User
from erp.channels import RowOutcome, RowResult, row_already, row_done, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from erp.rows import rows_update
from erp.sales.models import OrderStatus, ShippingMethod
from erp.sales.services import EventDraft, order_events_append, orders_status_set
from expedition import refusals
from expedition.business_days import business_days_after
from expedition.models import COPIES, GroupStatus, Shipment, ShipmentGroup, ShipmentStatus
from expedition.preconditions import conclusion_problem, group_kind_for, joining_problem, leaving_problem
from expedition.services.rows import shipment_event, shipment_results, shipments_lock
from expedition.services.shipments import shipments_carrier_set, shipments_open
from expedition.services.tracking import tracking_set


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What became of a group and its rows; `problem` is about the group as a whole."""

    group: ShipmentGroup | None
    results: Sequence[RowResult]
    problem: Refusal = NO_REFUSAL

    @property
    def is_refused(self) -> bool:
        return bool(self.problem) or any(row.outcome is RowOutcome.REFUSED for row in self.results)


@transaction.atomic
def group_create(
    *, company_id: int, shipping_method_id: int, shipment_ids: Sequence[int], actor: User | None = None
) -> GroupOutcome:
    """A PLP for a Correios method, a collection for any other, with those shipments that may enter.

    Without a single one that may, no group is made.
    """
    method = ShippingMethod.objects.select_related("carrier").get(
        pk=shipping_method_id, company_id=company_id
    )
    shipments = _own_lock(shipment_ids, company_id)
    problems = {pk: joining_problem(shipment, method) for pk, shipment in shipments.items()}
    joining = [shipment for pk, shipment in shipments.items() if not problems[pk]]
    if not joining:
        results = shipment_results(shipment_ids, problems, f"Incluída em {None}.")
        return GroupOutcome(None, results, NO_REFUSAL if shipment_ids else refusals.GROUP_EMPTY)
    group = ShipmentGroup.objects.create(
        company_id=company_id,
        number=Counter.objects.take(company_id=company_id, name="group")[0],
        kind=group_kind_for(method),
        shipping_method=method,
        created_by=actor,
    )
    _join(joining, group, actor)
    return GroupOutcome(group, shipment_results(shipment_ids, problems, f"Incluída em {group}."))


@transaction.atomic
def group_add(*, group_id: int, shipment_ids: Sequence[int], actor: User | None = None) -> GroupOutcome:
    """Let more shipments into an open group."""
    group = ShipmentGroup.objects.lock_for_update().select_related("shipping_method").get(pk=group_id)
    if not group.is_open:
        return GroupOutcome(group, [], refusals.GROUP_CONCLUDED.of(group=group))
    shipments = _own_lock(shipment_ids, group.company_id)
    problems = {pk: joining_problem(each, group.shipping_method) for pk, each in shipments.items()}
    _join([each for pk, each in shipments.items() if not problems[pk]], group, actor)
    return GroupOutcome(group, shipment_results(shipment_ids, problems, f"Incluída em {group}."))


def _own_lock(shipment_ids: Sequence[int], company_id: int) -> dict[int, Shipment]:
    locked = shipments_lock(shipment_ids)
    return {pk: shipment for pk, shipment in locked.items() if shipment.company_id == company_id}


def _join(shipments: Sequence[Shipment], group: ShipmentGroup, actor: User | None) -> None:
    """Entering fixes method and carrier: what is on the paper no longer follows order or note."""
    for shipment in shipments:
        carrier = shipment.chosen_carrier
        shipment.group, shipment.shipping_method, shipment.carrier = group, group.shipping_method, carrier
        shipment.copies_take()
    rows_update(shipments, ["group", "shipping_method", "carrier", *COPIES])
    order_events_append(
        drafts=[
            shipment_event(each, "shipment_grouped", f"Expedição {each.number} incluída em {group}")
            for each in shipments
        ],
        actor=actor,
    )


@transaction.atomic
def group_prepare(
    *,
    company_id: int,
    shipping_method_id: int,
    codes: Mapping[int, str],
    group_id: int | None = None,
    actor: User | None = None,
) -> GroupOutcome:
    """*Incluir expedição*: open what is missing, group, save the codes typed; results carry order ids.

    `codes` maps the chosen **orders** to the codes typed, empty where none was. Without `group_id` a
    new group is made. A shipment without *forma de envio* takes the group's. A refused code does not
    keep its row out: the group waits for the right one before it can be concluded.
    """
    if group_id is not None:
        ShipmentGroup.objects.lock_for_update().get(pk=group_id)
    opened = shipments_open(order_ids=list(codes), actor=actor)
    shipments = Shipment.objects.active().filter(order__in=codes, company_id=company_id).for_screens()
    by_order = {shipment.order_id: shipment for shipment in shipments}
    lacking = [each.pk for each in by_order.values() if each.chosen_method is None]
    shipments_carrier_set(shipment_ids=lacking, shipping_method_id=shipping_method_id, actor=actor)
    ids = [each.pk for each in by_order.values()]
    if group_id is None:
        outcome = group_create(
            company_id=company_id, shipping_method_id=shipping_method_id, shipment_ids=ids, actor=actor
        )
    else:
        outcome = group_add(group_id=group_id, shipment_ids=ids, actor=actor)
    if outcome.problem:
        return GroupOutcome(outcome.group, [], outcome.problem)
    joined = {row.id: row for row in outcome.results}
    typed = {
        each.pk: codes[pk] for pk, each in by_order.items() if codes[pk].strip() and _is_in(joined[each.pk])
    }
    coded = {row.id: row for row in tracking_set(codes=typed, actor=actor)}
    results = [_prepared(row, by_order.get(row.id), joined, coded) for row in opened]
    return GroupOutcome(outcome.group, results, outcome.problem)


def _is_in(row: RowResult) -> bool:
    return row.outcome is RowOutcome.DONE


def _prepared(
    opened: RowResult,
    shipment: Shipment | None,
    joined: Mapping[int, RowResult],
    coded: Mapping[int, RowResult],
) -> RowResult:
    """What an order's row says: the first step that refused, or that it is in."""
    if shipment is None:
        return opened
    row = joined[shipment.pk]
    code = coded.get(shipment.pk)
    if _is_in(row) and code is not None and code.outcome is RowOutcome.REFUSED:
        row = code
    return RowResult(opened.id, row.outcome, row.text)


@transaction.atomic
def group_remove(*, group_id: int, shipment_ids: Sequence[int], actor: User | None = None) -> list[RowResult]:
    """Take shipments out of an open group; they keep method, carrier and codes."""
    group = ShipmentGroup.objects.lock_for_update().get(pk=group_id)
    shipments = shipments_lock(shipment_ids)
    problems = {pk: leaving_problem(each, group) for pk, each in shipments.items()}
    leaving = [each for pk, each in shipments.items() if not problems[pk]]
    Shipment.objects.filter(pk__in=[each.pk for each in leaving]).update(group=None)
    order_events_append(
        drafts=[
            shipment_event(each, "shipment_ungrouped", f"Expedição {each.number} retirada de {group}")
            for each in leaving
        ],
        actor=actor,
    )
    return shipment_results(shipment_ids, problems, f"Retirada de {group}.")


@transaction.atomic
def group_discard(*, group_id: int) -> Refusal:
    """Delete an open group without members; answers why not."""
    group = ShipmentGroup.objects.lock_for_update().get(pk=group_id)
    if not group.is_open:
        return refusals.GROUP_KEPT_CONCLUDED.of(group=group)
    if group.shipments.exists():
        return refusals.GROUP_HAS_MEMBERS.of(group=group)
    group.delete()
    return NO_REFUSAL


@transaction.atomic
def group_conclude(*, group_id: int, actor: User | None = None) -> GroupOutcome:
    """*Concluir expedição*: all members or none.

    Under lock every member is checked again (frozen, method, codes). One that fails refuses the whole
    and is named with its reason, so that nothing leaves the house by mistake. Orders of a marketplace
    become *pronto para envio* until it confirms; others are on the road at once.
    """
    group = ShipmentGroup.objects.lock_for_update().get(pk=group_id)
    members = Shipment.objects.filter(group=group).values_list("pk", flat=True)
    shipments = shipments_lock(members)
    if not group.is_open:
        return GroupOutcome(group, [row_already(pk, f"{group} já estava concluída.") for pk in shipments])
    if not shipments:
        return GroupOutcome(group, [], refusals.GROUP_EMPTY)
    problems = _conclusion_problems(shipments, actor)
    if problems:
        return GroupOutcome(group, [row_refused(pk, problem) for pk, problem in problems.items()])
    _conclude(group, list(shipments.values()), timezone.now(), actor)
    return GroupOutcome(group, [row_done(pk, _concluded_text(each)) for pk, each in shipments.items()])


def _conclusion_problems(shipments: Mapping[int, Shipment], actor: User | None) -> dict[int, Refusal]:
    reach = (
        None
        if actor is None or actor.role == Role.ADMIN
        else set(Store.objects.visible_to(actor).values_list("pk", flat=True))
    )
    problems = {
        pk: refusals.OUT_OF_REACH
        if reach is not None and each.store_id not in reach
        else conclusion_problem(each)
        for pk, each in shipments.items()
    }
    return {pk: problem for pk, problem in problems.items() if problem}


def _conclude(group: ShipmentGroup, shipments: Sequence[Shipment], now: datetime, actor: User | None) -> None:
    expected_on = business_days_after(timezone.localdate(now), group.shipping_method.delivery_days)
    for shipment in shipments:
        shipment.status, shipment.concluded_at = ShipmentStatus.CONCLUDED, now
        shipment.expected_delivery_on = shipment.expected_delivery_on or expected_on
    rows_update(shipments, ["status", "concluded_at", "expected_delivery_on"])
    group.status, group.concluded_at, group.concluded_by = GroupStatus.CONCLUDED, now, actor
    group.save(update_fields=["status", "concluded_at", "concluded_by"])
    order_events_append(drafts=[_concluded_event(each, group) for each in shipments], actor=actor)
    orders_status_set(
        wanted={
            each.order_id: OrderStatus.READY_TO_SHIP if each.has_channel else OrderStatus.SHIPPED
            for each in shipments
        },
        actor=actor,
        reason=f"{group} concluída",
    )
    channels.shipment_concluded([each.pk for each in shipments])


def _concluded_event(shipment: Shipment, group: ShipmentGroup) -> EventDraft:
    code = f", código {shipment.tracking_code}" if shipment.tracking_code else ""
    return shipment_event(
        shipment, "shipment_concluded", f"Expedição {shipment.number} concluída em {group}{code}"
    )


def _concluded_text(shipment: Shipment) -> str:
    return f"Concluída. Entrega prevista para {shipment.expected_delivery_on:%d/%m/%Y}."
