"""Tracking codes: typed, pasted, scanned or imported, all through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from django.db import IntegrityError, transaction

from erp import channels
from erp.accounts.models import User
from erp.channels import RowResult, row_already, row_done, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from erp.rows import rows_update
from erp.sales.services import order_events_append
from expedition import refusals
from expedition.models import FormerCode, Package, Shipment
from expedition.preconditions import code_canonical, code_change_problem, is_dispatched
from expedition.services.rows import shipment_event, shipments_lock

MOST_PACKAGES = 99
CORRECTED = "Código corrigido para {code}. Envie o novo código ao e-commerce."
CORRECTED_HERE = (
    "Código corrigido para {code}, só aqui: o e-commerce continua com {before} e não aceita outro depois do "
    "despacho."
)

T = TypeVar("T")
# (company, code) -> the shipment whose package holds it.
Holders = dict[tuple[int, str], Shipment]


def tracking_set(*, codes: Mapping[int, str], actor: User | None = None) -> list[RowResult]:
    """Give the first package of each shipment its code; `codes` maps shipment ids to what was typed.

    An empty text takes the code away.
    """
    return raced(lambda: _tracking_set({pk: code_canonical(typed) for pk, typed in codes.items()}, actor))


def _tracking_set(codes: Mapping[int, str], actor: User | None) -> list[RowResult]:
    shipments = shipments_lock(codes)
    holders = holders_of(shipments.values(), codes.values())
    held = _held_by_channel(shipments.values())
    results, changing = {}, []
    for pk, shipment in shipments.items():
        code, before = codes[pk], shipment.tracking_code
        if code == before:
            results[pk] = row_already(pk, f"O código já era {code}." if code else "Já estava sem código.")
        elif problem := code_change_problem(shipment, code) or _taken(holders, shipment, code):
            results[pk] = row_refused(pk, problem)
        else:
            results[pk] = row_done(pk, _code_text(shipment, before, code))
            changing.append(shipment)
            _former_keep(shipment, held.get(shipment.order_id, before), code)
            holders[shipment.company_id, code] = shipment
    _first_codes_write(changing, codes)
    order_events_append(
        drafts=[shipment_event(each, "tracking", _event_text(each, codes[each.pk])) for each in changing],
        actor=actor,
    )
    return [results.get(pk) or row_refused(pk, refusals.SHIPMENT_GONE) for pk in codes]


def _first_codes_write(shipments: Sequence[Shipment], codes: Mapping[int, str]) -> None:
    packages = [shipment.packages.all()[0] for shipment in shipments]
    for package in packages:
        package.tracking_code = codes[package.shipment_id]
    rows_update(packages, ["tracking_code"])
    rows_update(shipments, ["former_code", "former_code_is"])


def packages_set(*, shipment_id: int, tracking_codes: Sequence[str], actor: User | None = None) -> RowResult:
    """Replace the packages of a shipment by one per code, in that order; the first code may be empty."""
    codes = [code_canonical(typed) for typed in tracking_codes] or [""]
    return raced(lambda: _packages_set(shipment_id, codes, actor))


def _packages_set(shipment_id: int, codes: list[str], actor: User | None) -> RowResult:
    shipment = shipments_lock([shipment_id]).get(shipment_id)
    if shipment is None:
        return row_refused(shipment_id, refusals.SHIPMENT_GONE)
    if problem := _packages_problem(shipment, codes):
        return row_refused(shipment_id, problem)
    before = shipment.tracking_code
    held = _held_by_channel([shipment])
    _former_keep(shipment, held.get(shipment.order_id, before), codes[0])
    shipment.save(update_fields=["former_code", "former_code_is"])
    shipment.packages.all().delete()
    Package.objects.bulk_create(
        Package(shipment=shipment, company_id=shipment.company_id, sequence=place, tracking_code=code)
        for place, code in enumerate(codes, start=1)
    )
    listed = ", ".join(filter(None, codes)) or "sem código"
    text = f"Expedição {shipment.number}: {len(codes)} volume(s), {listed}"
    order_events_append(drafts=[shipment_event(shipment, "tracking", text)], actor=actor)
    return row_done(shipment_id, _code_text(shipment, before, codes[0]))


def _packages_problem(shipment: Shipment, codes: list[str]) -> Refusal:
    if len(codes) > MOST_PACKAGES:
        return refusals.TOO_MANY_PACKAGES.of(most=MOST_PACKAGES)
    filled = [code for code in codes if code]
    if len(set(filled)) < len(filled):
        return refusals.CODES_REPEATED
    holders = {key: held for key, held in holders_of([shipment], filled).items() if held.pk != shipment.pk}
    judged = [code_change_problem(shipment, code) or _taken(holders, shipment, code) for code in filled]
    return next(filter(None, [code_change_problem(shipment, codes[0]), *judged]), NO_REFUSAL)


def holders_of(shipments: Iterable[Shipment], codes: Iterable[str]) -> Holders:
    """Who holds any of `codes` in the companies of `shipments`."""
    companies = {shipment.company_id for shipment in shipments}
    packages = Package.objects.filter(
        company__in=companies,
        tracking_code__in={code for code in codes if _is_storable(code)},
        holds_code=True,
    ).select_related("shipment")
    return {(package.company_id, package.tracking_code): package.shipment for package in packages}


def _is_storable(code: str) -> bool:
    """Whether a column can hold `code` at all: no database is asked for a NUL or half a character."""
    return bool(code) and "\0" not in code and not any("\ud800" <= letter <= "\udfff" for letter in code)


def _taken(holders: Holders, shipment: Shipment, code: str) -> Refusal:
    """Why `code` is not free; a later package of the same shipment counts too."""
    holder = holders.get((shipment.company_id, code)) if code else None
    if holder is None:
        return NO_REFUSAL
    if holder.pk == shipment.pk:
        return refusals.CODE_OF_PACKAGE.of(code=code)
    return refusals.CODE_TAKEN.of(code=code, number=holder.number)


def _code_text(shipment: Shipment, before: str, code: str) -> str:
    if not code:
        return "Salvo sem código de rastreio."
    if before and before != code and not shipment.is_pending and shipment.has_channel:
        if is_dispatched(shipment.order):
            return CORRECTED_HERE.format(code=code, before=shipment.former_code or before)
        return CORRECTED.format(code=code)
    return f"Código {code} salvo."


def _held_by_channel(shipments: Iterable[Shipment]) -> dict[int, str]:
    """By order id the code that the marketplace has of a parcel on its way, as far as it has told."""
    away = [each.order_id for each in shipments if each.has_channel and is_dispatched(each.order)]
    return {pk: code.number for pk, code in channels.shipping_codes(away).items()} if away else {}


def _former_keep(shipment: Shipment, held: str, code: str) -> None:
    """After the dispatch the marketplace keeps the code it `held` for good: both stay to be seen."""
    if not shipment.has_channel or not is_dispatched(shipment.order):
        return
    if shipment.former_code_is == FormerCode.SENT:
        held = shipment.former_code
    is_other = bool(held and code) and held != code
    shipment.former_code = held if is_other else ""
    shipment.former_code_is = FormerCode.SENT if is_other else ""


def _event_text(shipment: Shipment, code: str) -> str:
    if not code:
        return f"Código de rastreio retirado da expedição {shipment.number}"
    return f"Código de rastreio {code} na expedição {shipment.number}"


def raced(write: Callable[[], T]) -> T:
    """Somebody may take a code between our look and our write: the second look sees theirs and names it."""
    try:
        with transaction.atomic():
            return write()
    except IntegrityError:
        with transaction.atomic():
            return write()
