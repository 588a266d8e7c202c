"""*Quebrar algo*: scenarios with what to watch for, the review of invoices, and every switch by hand."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from kwai_sandbox import faults, oauth, settings
from kwai_sandbox.centre.blueprint import blueprint, leads_to
from kwai_sandbox.clock import SECOND
from kwai_sandbox.gateway import ENDPOINTS, OAUTH_ENDPOINTS, emulator
from kwai_sandbox.scenarios import BY_KEY, SCENARIOS

EFFECT_NAMES = {
    "after": "não grava",
    "before": "grava antes da falha",
    "random": "ao acaso",
}
KIND_NAMES = {
    "rate_limit": "chamadas demais (429)",
    "quota": "cota diária gasta (430)",
    "token_expired": "acesso vencido (444)",
    "revoked": "autorização revogada (402)",
    "clock": "relógio errado (442)",
    "server_error": "erro interno (500)",
    "unknown_code": "código que ninguém conhece (499 ou outro)",
    "bad_gateway": "página de erro 502",
    "timeout": "silêncio e conexão cortada",
    "truncated": "resposta cortada ao meio",
    "slow": "resposta lenta",
    "duplicate_page": "linha da página anterior repetida",
    "skip_page": "página pulada",
    "missing_merchant": "autorização sem o nome da loja",
}
REVIEW_NAMES = {
    "accept": "aceitar na hora",
    "soon": "receber e aceitar segundos depois",
    "wait": "receber e esperar: eu decido na página do pedido",
    "refuse_later": "receber e recusar segundos depois",
    "refuse": "recusar na hora, sem guardar",
}


@blueprint.get("/centre/faults")
def breaking() -> str:
    """Scenarios and fault switches."""
    sandbox = emulator()
    on = sandbox.faults.as_json()
    return render_template(
        "breaking.html",
        scenarios=[(scenario, scenario.is_on(on)) for scenario in SCENARIOS],
        faults=on,
        kinds={kind: KIND_NAMES[kind] for kind in faults.KINDS},
        calls=sorted(name.rsplit("/", 1)[-1] for name in (*ENDPOINTS, *OAUTH_ENDPOINTS)),
        effects=EFFECT_NAMES,
        reviews=REVIEW_NAMES,
        switches=sandbox.settings,
        pushes=sandbox.pushes.settings(),
        grants=[grant for grant in oauth.grants_list(sandbox.state) if not grant["revoked"]],
    )


@blueprint.post("/centre/scenarios/<key>/<state>")
def scenario_switch(key: str, state: str) -> AnyResponse:
    """*ligar* or *desligar* a scenario."""
    scenario = BY_KEY.get(key)
    if scenario is None or state not in ("on", "off"):
        abort(404, "Este cenário não existe.")
    if state == "on":
        scenario.turn_on(emulator().faults)
    else:
        scenario.turn_off(emulator().faults)
    return leads_to("centre.breaking")


@blueprint.post("/centre/faults")
def faults_put() -> AnyResponse:
    """Turn one switch on, every field of it chosen by hand."""
    values: dict[str, Any] = {
        "kind": request.form.get("kind", ""),
        "path": request.form.get("path") or None,
        "rate": request.form.get("rate", 100, type=int) / 100,
        "effect": request.form.get("effect", "after"),
    }
    for name in ("count", "retryAfter", "delayMs", "code"):
        values[name] = request.form.get(name, type=int)
    values["offsetMs"] = request.form.get("offset", 0, type=int) * SECOND
    emulator().faults.put(values)
    return leads_to("centre.breaking")


@blueprint.post("/centre/faults/remove")
def faults_remove() -> AnyResponse:
    """Turn one switch off."""
    emulator().faults.remove(request.form.get("path") or None, request.form.get("kind", ""))
    return leads_to("centre.breaking")


@blueprint.post("/centre/faults/clear")
def faults_clear() -> AnyResponse:
    """Turn every fault off."""
    emulator().faults.clear()
    return leads_to("centre.breaking")


@blueprint.post("/centre/review")
def review_put() -> AnyResponse:
    """What the platform does with the next invoices."""
    changes: dict[str, Any] = {"invoiceReview": request.form.get("invoiceReview", "")}
    if reason := request.form.get("reason", "").strip():
        changes["invoiceRefusalReason"] = reason
    settings.settings_change(emulator().state, changes)
    return leads_to("centre.breaking")


@blueprint.post("/centre/grants/expire")
def grants_expire() -> AnyResponse:
    """Let every seller's access token end now; the consent stays."""
    state = emulator().state
    for grant in oauth.grants_list(state):
        oauth.grant_expire(state, grant["merchantId"], refresh_too=False)
    return leads_to("centre.breaking")
