"""What every page of the seller centre shares: the blueprint, how values are written, the frame."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kwai_sandbox import oauth
from kwai_sandbox.gateway import emulator
from kwai_sandbox.orders import (
    INVOICE_ACCEPTED,
    INVOICE_NONE,
    INVOICE_RECEIVED,
    INVOICE_REFUSED,
    REFUND_ASKED,
    REFUND_CLOSED,
    REFUND_DONE,
    REFUND_NONE,
    SELLER_LOGISTICS,
    SHIPPING_TYPES,
)

blueprint = Blueprint("centre", __name__, url_prefix="/_sandbox")
BRAZIL = ZoneInfo("America/Sao_Paulo")
SECTIONS = (
    ("centre.index", "Início"),
    ("centre.orders_page", "Pedidos"),
    ("centre.listings", "Anúncios"),
    ("centre.breaking", "Quebrar algo"),
    ("centre.calls", "Chamadas do ERP"),
    ("centre.writes", "Gravações"),
    ("centre.connections", "Conexões"),
)
INVOICE_NAMES = {
    INVOICE_NONE: "não recebida",
    INVOICE_RECEIVED: "recebida, em análise",
    INVOICE_ACCEPTED: "aceita",
    INVOICE_REFUSED: "recusada",
}
# In lists, where the column's heading says the rest.
SHIPPING_SHORT = SHIPPING_TYPES | {SELLER_LOGISTICS: "própria"}
REFUND_NAMES = {
    REFUND_NONE: "nenhum",
    REFUND_ASKED: "pedido pelo comprador",
    REFUND_DONE: "reembolsado",
    REFUND_CLOSED: "encerrado",
}


@blueprint.app_template_filter("moment")
def moment(value: Any) -> str:
    """Milliseconds as local Brazilian date and time."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**43:
        return "—"
    return datetime.fromtimestamp(value / 1000, UTC).astimezone(BRAZIL).strftime("%d/%m/%Y %H:%M:%S")


@blueprint.app_template_filter("day")
def day(value: int) -> str:
    """Milliseconds as local day and minute, as lists show them."""
    text = moment(value)
    return text[:5] + text[10:16]


@blueprint.app_template_filter("clock")
def clock(value: int) -> str:
    """Milliseconds as local time of day."""
    return moment(value)[-8:]


@blueprint.app_template_filter("named")
def named(code: Any, names: dict[Any, str]) -> str:
    """A code by its name, or as it stands."""
    return names.get(code, str(code)) if isinstance(code, int | str) else str(code)


@blueprint.app_template_filter("reais")
def reais(value: Any) -> str:
    """Centavos as `R$ 1.234,56`."""
    if not isinstance(value, int) or isinstance(value, bool):
        return str(value)
    whole, cents = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}R$ {whole:,}".replace(",", ".") + f",{cents:02d}"


@blueprint.context_processor
def frame() -> dict[str, Any]:
    """The navigation, the way back to the ERP, and what is on right now."""
    sandbox = emulator()
    merchants = oauth.merchants_list(sandbox.state)
    return {
        "sections": SECTIONS,
        "erp_url": sandbox.erp_url,
        "faults_on": len(sandbox.faults.as_json()),
        "merchants": merchants,
        "names": {entry["merchantId"]: entry["shopName"] for entry in merchants},
        "invoice_names": INVOICE_NAMES,
        "refund_names": REFUND_NAMES,
        "shipping_names": SHIPPING_TYPES,
        "shipping_short": SHIPPING_SHORT,
        "back": request.full_path,
    }


def leads_to(endpoint: str, **values: Any) -> AnyResponse:
    """Answer a form with the page that shows what became of it."""
    return redirect(url_for(endpoint, **values), 303)


@blueprint.errorhandler(ValueError)
def on_bad_value(error: ValueError) -> tuple[str, int]:
    """A wrong form field, told as a page."""
    return render_template("centre_error.html", reason=str(error)), 400


@blueprint.errorhandler(404)
@blueprint.errorhandler(409)
def on_removed(error: Any) -> tuple[str, int]:
    """What is asked for is not there, or does not fit any more."""
    return render_template("centre_error.html", reason=error.description), error.code
