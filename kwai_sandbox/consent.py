"""The consent page a seller sees (contract section 2)."""

from __future__ import annotations

import ipaddress
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from kwai_sandbox import oauth
from kwai_sandbox.gateway import emulator

blueprint = Blueprint("consent", __name__)
SCOPE_TEXTS = {
    "user_info": "Ver o nome e a identificação da sua loja",
    "merchant_item": "Ver e alterar anúncios, preços e estoque",
    "merchant_order": "Ver pedidos, receber notas fiscais e códigos de rastreio",
}


class ConsentError(ValueError):
    """The link that led here is wrong; the text says what to correct."""


@blueprint.get("/shop/b/authorize")
def page() -> str | Response:
    """Login with choice of the seller account, and the terms."""
    try:
        scopes = _asked(request.args.to_dict())
    except ConsentError as error:
        return Response(render_template("consent_error.html", reason=str(error)), 400)
    return render_template(
        "consent.html",
        merchants=oauth.merchants_list(emulator().state),
        scopes=[SCOPE_TEXTS[scope] for scope in scopes],
        back_to=urlsplit(_address(request.args["redirect_uri"])).netloc,
        parameters=request.args.to_dict(),
    )


@blueprint.post("/shop/b/authorize")
def decide() -> str | Response | AnyResponse:
    """*autorizar* returns with a code, *recusar* without one."""
    sandbox = emulator()
    try:
        scopes = _asked(request.form.to_dict())
        added = {"status": request.form.get("status", "")}
        if request.form.get("decision") == "autorizar":
            merchant_id = request.form.get("merchantId", "")
            if oauth.merchant_name(sandbox.state, merchant_id) is None:
                raise ConsentError("Escolha uma conta de vendedor.")
            added["code"] = oauth.code_issue(sandbox.state, merchant_id=merchant_id, scopes=scopes)
    except ConsentError as error:
        return Response(render_template("consent_error.html", reason=str(error)), 400)
    sandbox.erp_remember(_address(request.form["redirect_uri"]))
    return redirect(_with_query(_address(request.form["redirect_uri"]), added), 303)


def _asked(values: dict[str, str]) -> list[str]:
    """The scopes of a right link; raises `ConsentError`."""
    if values.get("appKey") != emulator().credentials.app_key:
        raise ConsentError("O aplicativo (appKey) não é conhecido. Confira KWAI_APP_KEY.")
    target = values.get("redirect_uri", "")
    if not target or "://" in target:
        raise ConsentError("redirect_uri deve vir sem http:// ou https://.")
    if not urlsplit(_address(target)).hostname:
        raise ConsentError("redirect_uri não é um endereço.")
    try:
        return oauth.scopes_parse(values.get("scope", ""))
    except ValueError as error:
        raise ConsentError(str(error)) from None


def _address(target: str) -> str:
    """The return address with its scheme: http for loopback hosts, else https."""
    host = urlsplit(f"//{target}").hostname or ""
    return f"{'http' if is_loopback(host) else 'https'}://{target}"


def is_loopback(host: str) -> bool:
    """Whether the host name or address is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _with_query(address: str, added: dict[str, str]) -> str:
    parts = urlsplit(address)
    query = urlencode(parse_qsl(parts.query, keep_blank_values=True) + list(added.items()))
    return urlunsplit(parts._replace(query=query))
