"""*Item sem vínculo*: an operator says which SKU a listing means, and the waiting orders go on."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from erp.accounts.models import Store, User
from erp.accounts.services import audit_append
from erp.catalog.models import Sku
from erp.catalog.services import SkuCodeTaken, SkuDraft, product_save
from erp.channels import RowResult
from erp.refusals import RefusedError
from erp.scheduling import wake_after_commit
from kwai_integration import refusals
from kwai_integration.inbound.import_filter import filtered_out
from kwai_integration.inbound.receive import SLICE, kwai_orders_receive
from kwai_integration.models import KwaiOrder, KwaiOrderState, Listing

# Waiting orders that one click reprocesses itself; a worker takes the rest.
AT_ONCE = 4 * SLICE


class LinkRefused(RefusedError):
    """The link cannot be made."""


@dataclass(frozen=True, slots=True)
class NewSku:
    """A SKU to be created with its product; `price` in centavos."""

    code: str
    name: str
    price: int


def listing_link(
    *, listing_id: int, actor: User, sku_id: int | None = None, new_sku: NewSku | None = None
) -> list[RowResult]:
    """Link a listing of one of the actor's stores to a SKU that exists or is created now, then
    reprocess the orders that waited for it; one result per reprocessed order.

    Raises LinkRefused, and then nothing has changed.
    """
    listing = _link(listing_id, actor, sku_id, new_sku)
    ids = list(linkable_orders(listing.store_id).values_list("pk", flat=True)[: AT_ONCE + 1])
    results = kwai_orders_receive(ids=ids[:AT_ONCE], actor=actor)
    if len(ids) > AT_ONCE:
        wake_after_commit("kwai_integration.tasks.receive", store_id=listing.store_id)
    return results


def linkable_orders(store_id: int) -> QuerySet[KwaiOrder]:
    """Orders that wait for a link although every line has one by now."""
    loose = Listing.objects.filter(waiting_orders=OuterRef("pk"), sku__isnull=True)
    waiting = KwaiOrder.objects.filter(store_id=store_id, state=KwaiOrderState.UNLINKED)
    return waiting.filter(~Exists(loose)).exclude(filtered_out()).order_by("pk")


@transaction.atomic
def _link(listing_id: int, actor: User, sku_id: int | None, new_sku: NewSku | None) -> Listing:
    listing = (
        Listing.objects.select_for_update(of=("self",))
        .select_related("store__company")
        .filter(pk=listing_id, store__in=Store.objects.visible_to(actor))
        .first()
    )
    if listing is None:
        raise LinkRefused(refusals.LISTING_GONE)
    sku = _sku_chosen(listing.store, actor, sku_id, new_sku)
    if listing.sku_id not in (None, sku.pk):
        raise LinkRefused(refusals.LISTING_LINKED)
    if listing.sku_id is None:
        listing.sku, listing.linked_by = sku, actor
        listing.save(update_fields=["sku", "linked_by"])
        _audit(listing, sku, actor)
    return listing


def _sku_chosen(store: Store, actor: User, sku_id: int | None, new_sku: NewSku | None) -> Sku:
    if new_sku is not None:
        return _sku_create(store, actor, new_sku)
    found = Sku.objects.filter(company_id=store.company_id, pk=sku_id) if sku_id else Sku.objects.none()
    sku = found.first()
    if sku is None:
        raise LinkRefused(refusals.SKU_NEEDED)
    return sku


def _sku_create(store: Store, actor: User, new_sku: NewSku) -> Sku:
    code, name = new_sku.code.strip(), new_sku.name.strip()
    if not code or not name:
        raise LinkRefused(refusals.SKU_INCOMPLETE)
    try:
        product = product_save(
            company=store.company, name=name, skus=[SkuDraft(code=code, price=new_sku.price)], actor=actor
        )
    except SkuCodeTaken as error:
        raise LinkRefused(refusals.SKU_CODE_TAKEN.of(error=error)) from None
    return product.skus.get()


def _audit(listing: Listing, sku: Sku, actor: User) -> None:
    audit_append(
        company_id=listing.store.company_id,
        actor=actor,
        action="listing.linked",
        subject=f"listing:{listing.pk}",
        text=f"Anúncio {listing.item_id} / {listing.sku_id_remote} vinculado ao SKU {sku.code}",
        data={"listing": listing.pk, "sku": sku.pk},
    )
