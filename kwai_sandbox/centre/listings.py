"""Listings for people, and the platform's review of new ones."""

from __future__ import annotations

from flask import abort, render_template
from werkzeug.wrappers import Response as AnyResponse

from kwai_sandbox import control, items
from kwai_sandbox.centre.blueprint import blueprint, leads_to
from kwai_sandbox.gateway import emulator

VERDICTS = {
    "approve": {"activeStatus": items.ACTIVE, "refusalReason": ""},
    "refuse": {"activeStatus": items.REFUSED, "refusalReason": "As imagens não mostram o produto"},
}


@blueprint.get("/centre/listings")
def listings() -> str:
    """Listings with their SKUs, those that wait for a decision first."""
    found = items.items_list(emulator().state, None)
    return render_template(
        "listings.html",
        items=sorted(found, key=lambda item: item.body["activeStatus"] != items.IN_REVIEW),
        waiting=(items.IN_REVIEW,),
    )


@blueprint.post("/centre/listings/<item_id>/<decision>")
def listing_decide(item_id: str, decision: str) -> AnyResponse:
    """*aprovar* or *recusar*."""
    item = items.item_get(emulator().state, item_id)
    if item is None or decision not in VERDICTS:
        abort(404, "Este anúncio não existe aqui.")
    control.item_change(emulator(), item, dict(VERDICTS[decision]))
    return leads_to("centre.listings")
