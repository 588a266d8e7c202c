"""Order lines -> listings -> SKUs, for a whole batch of orders at once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from erp.accounts.models import Store
from erp.catalog.models import Sku
from erp.rows import rows_update
from kwai_integration.mapping.orders import MappedLine, MappedOrder
from kwai_integration.models import Listing

Pair = tuple[str, str]
ListingKey = tuple[int, str, str]


@dataclass
class _Sighting:
    """A listing as the lines of the batch describe it."""

    store: Store
    line: MappedLine
    codes: set[str] = field(default_factory=set)


def line_pair(line: MappedLine) -> Pair:
    """Item id and SKU id of a line. Only quantity and price are certain to be there: without ids the
    seller's code, then the title, tells one listing from another."""
    if line.item_id and line.sku_id:
        return line.item_id, line.sku_id
    stand_in = line.seller_code or f"{line.title}|{line.specification}"
    return line.item_id, line.sku_id or f"?{hashlib.sha256(stand_in.encode()).hexdigest()[:32]}"


def listing_key(store_id: int, line: MappedLine) -> ListingKey:
    return (store_id, *line_pair(line))


def listings_resolve(orders: Iterable[tuple[Store, MappedOrder]]) -> dict[ListingKey, Listing]:
    """The listing of every line, created when unseen, linked when its seller code names one SKU.

    A listing whose `sku` stays empty is an *item sem vínculo*. At most five statements.
    """
    sightings = _sightings(orders)
    listings = _listings_read(sightings)
    # In one order, whatever the lines' is: two pages that meet the same items must not wait for each other.
    missing = sorted(key for key in sightings if key not in listings)
    if missing:
        Listing.objects.bulk_create(
            [_listing(key, sightings[key]) for key in missing],
            ignore_conflicts=True,
        )
        listings = _listings_read(sightings)
    _link_by_code(listings, sightings)
    return listings


def _sightings(orders: Iterable[tuple[Store, MappedOrder]]) -> dict[ListingKey, _Sighting]:
    found: dict[ListingKey, _Sighting] = {}
    for store, order in orders:
        for line in order.lines:
            sighting = found.setdefault(listing_key(store.pk, line), _Sighting(store, line))
            if line.seller_code:
                sighting.codes.add(line.seller_code)
    return found


def _listings_read(keys: Iterable[ListingKey]) -> dict[ListingKey, Listing]:
    wanted = set(keys)
    found = Listing.objects.filter(
        store_id__in={store_id for store_id, _, _ in wanted},
        sku_id_remote__in={sku_id for _, _, sku_id in wanted},
    )
    by_key = {(row.store_id, row.item_id, row.sku_id_remote): row for row in found}
    return {key: row for key, row in by_key.items() if key in wanted}


def _listing(key: ListingKey, sighting: _Sighting) -> Listing:
    line = sighting.line
    return Listing(
        store_id=key[0],
        item_id=key[1],
        sku_id_remote=key[2],
        seller_code=line.seller_code,
        title=line.title,
        specification=line.specification,
    )


def _link_by_code(listings: Mapping[ListingKey, Listing], sightings: Mapping[ListingKey, _Sighting]) -> None:
    """A seller code is unique in the company, so one code means one SKU; two codes on one listing
    (the seller renamed it meanwhile) are for a person to decide."""
    loose = sorted(
        key for key, listing in listings.items() if listing.sku_id is None and sightings[key].codes
    )
    skus = _skus_by_code([sightings[key] for key in loose])
    linked = []
    for key in loose:
        company_id = sightings[key].store.company_id
        candidates = {skus[company_id][code] for code in sightings[key].codes if code in skus[company_id]}
        if len(candidates) == 1:
            listings[key].sku_id = candidates.pop()
            linked.append(listings[key])
    rows_update(linked, ["sku"], while_empty="sku")


def _skus_by_code(sightings: Sequence[_Sighting]) -> dict[int, dict[str, int]]:
    """Company id -> seller code -> SKU id."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    if sightings:
        codes = {code for sighting in sightings for code in sighting.codes}
        companies = {sighting.store.company_id for sighting in sightings}
        rows = Sku.objects.filter(Q(company_id__in=companies) & Q(code__in=codes))
        for company_id, code, pk in rows.values_list("company_id", "code", "pk"):
            found[company_id][code] = pk
    return found
