"""*Conexões*: which sellers authorised the ERP, and the notices it gets."""

from __future__ import annotations

from flask import render_template, request
from werkzeug.wrappers import Response as AnyResponse

from kwai_sandbox import oauth, settings
from kwai_sandbox.centre.blueprint import blueprint, leads_to
from kwai_sandbox.dialect import Dialect
from kwai_sandbox.gateway import emulator
from kwai_sandbox.statuses import Status

FIRST_MERCHANT_ID = 300_000_000_000_000_000
CHECK_NAMES = {
    "strict": "ler o XML e conferir chave, protocolo e assinatura",
    "loose": "só ver se parece uma NF-e autorizada",
}
SHIPPED_NAMES = {
    int(status): f"o pedido passa a “{status.label}”" for status in (Status.SHIPPED, Status.AWAITING_PICKUP)
}


@blueprint.get("/centre/connections")
def connections() -> str:
    """Sellers, consents, push address, limits."""
    sandbox = emulator()
    return render_template(
        "connections.html",
        grants=oauth.grants_list(sandbox.state),
        pushes=sandbox.pushes.settings(),
        switches=sandbox.settings,
        limits={name: settings.DEFAULTS[name] for name in settings.LIMITS},
        dialect=sandbox.dialect != Dialect(),
        check_names=CHECK_NAMES,
        shipped_names=SHIPPED_NAMES,
    )


@blueprint.post("/centre/pushes")
def pushes_put() -> AnyResponse:
    """Where and how pushes are delivered; shares are typed as per cent."""
    emulator().pushes.configure(
        {
            "url": request.form.get("url", "").strip(),
            "dropRate": request.form.get("dropRate", 0, type=int) / 100,
            "duplicate": request.form.get("duplicate", 0, type=int) / 100,
            "shuffle": "shuffle" in request.form,
        }
    )
    return leads_to("centre.connections")


@blueprint.post("/centre/pushes/heartbeat")
def pushes_heartbeat() -> AnyResponse:
    """Send the platform's test message."""
    emulator().pushes.heartbeat()
    return leads_to("centre.connections")


@blueprint.post("/centre/limits")
def limits_put() -> AnyResponse:
    """Hold the ERP to the contract's limits, or to none."""
    values = {name: request.form.get(name, 0, type=int) for name in settings.LIMITS}
    settings.settings_change(emulator().state, values)
    return leads_to("centre.connections")


@blueprint.post("/centre/strictness")
def strictness_put() -> AnyResponse:
    """How closely the platform looks, and where a shipment of the seller's own leads."""
    settings.settings_change(
        emulator().state,
        {
            "invoiceChecks": request.form.get("invoiceChecks", ""),
            "shipLeadsTo": request.form.get("shipLeadsTo", 0, type=int),
            "reusedRefreshEndsConsent": "reusedRefreshEndsConsent" in request.form,
        },
    )
    return leads_to("centre.connections")


@blueprint.post("/centre/merchants")
def merchant_create() -> AnyResponse:
    """Another seller account, with a number of its own."""
    name = request.form.get("shopName", "").strip()[:60]
    if not name:
        raise ValueError("Informe o nome da loja.")
    state = emulator().state
    merchant_id = str(FIRST_MERCHANT_ID + state.next_ids("merchant")[0])
    oauth.merchant_put(state, merchant_id=merchant_id, shop_name=name)
    return leads_to("centre.connections")


@blueprint.post("/centre/grants/<merchant_id>/revoke")
def grant_revoke(merchant_id: str) -> AnyResponse:
    """The seller takes the consent back."""
    oauth.consent_end(emulator(), merchant_id)
    return leads_to("centre.connections")
