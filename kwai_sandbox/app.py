"""The Flask application around one `Sandbox`."""

from __future__ import annotations

from flask import Flask, Response, request

from kwai_sandbox import centre, consent, control, gateway
from kwai_sandbox.sandbox import Sandbox
from kwai_sandbox.wire import NOT_FOUND, PLATFORM_FAULT, Envelope

PAGE_POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'"


def create_app(sandbox: Sandbox) -> Flask:
    """The platform's paths, the control calls and the pages for people."""
    app = Flask(__name__, static_url_path="/_static")
    app.config["MAX_CONTENT_LENGTH"] = gateway.LARGEST_BODY
    app.extensions["sandbox"] = sandbox
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.before_request(control.guard)
    app.after_request(_protect)
    for blueprint in (gateway.blueprint, consent.blueprint, control.blueprint, centre.blueprint):
        app.register_blueprint(blueprint)
    gateway.calls_register(app, sandbox.dialect)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(500, _failed)
    return app


def _protect(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not "no-referrer": with it browsers send `Origin: null` with the pages' own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def _not_found(error: Exception) -> tuple[Response, int]:
    return _envelope(NOT_FOUND, f"Não existe {request.path}."), 404


def _failed(error: Exception) -> tuple[Response, int]:
    return _envelope(PLATFORM_FAULT, "Erro interno do simulador."), 500


def _envelope(result: int, message: str) -> Response:
    text = gateway.envelope_text(gateway.emulator(), Envelope(result, message))
    return Response(text, content_type="application/json")
