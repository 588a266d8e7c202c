"""The endpoint table: every call this client makes, and whether its row is published or assumed.

Source: contract sections 2 to 4. `manage.py kwai_contract` prints it for a line by line comparison with the
portal's documents; the setting `KWAI_PATHS` corrects any path without touching code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from kwai_integration.wire.codes import CodeTableError, Source, nearest

# What is signed as it is called: nothing that would be encoded on the way.
PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
SCOPES = ("user_info", "merchant_item", "merchant_order")


class Access(StrEnum):
    """A write whose answer is lost must be verified before it is repeated; a read may simply be repeated."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class KwaiEndpoint:
    """One call. `signed` is False for OAuth only, whose query is complete in itself."""

    name: str
    verb: Literal["GET", "POST"]
    path: str
    scope: str
    source: Source
    access: Access
    signed: bool = True

    @property
    def is_write(self) -> bool:
        return self.access is Access.WRITE


def _order(name: str, path: str, source: Source, access: Access) -> KwaiEndpoint:
    return KwaiEndpoint(name, "POST", f"/rest/open/api/trade/{path}", "merchant_order", source, access)


def _item(
    name: str, path: str, source: Source, access: Access, verb: Literal["GET", "POST"] = "POST"
) -> KwaiEndpoint:
    return KwaiEndpoint(name, verb, f"/rest/open/api/product/{path}", "merchant_item", source, access)


def _oauth(name: str, path: str) -> KwaiEndpoint:
    # GETs with side effects: a code is spent, a refresh token dies.
    return KwaiEndpoint(
        name, "GET", f"/rest/open/api/oauth2/{path}", "", Source.PUBLISHED, Access.WRITE, signed=False
    )


ENDPOINTS: Mapping[str, KwaiEndpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        _oauth("oauth_token", "token"),
        _oauth("oauth_refresh", "refreshToken"),
        _order("list_orders", "queryOrderList", Source.PUBLISHED, Access.READ),
        _order("order_details", "queryOrderDetails", Source.PUBLISHED, Access.READ),
        _item("list_items", "listItem", Source.PUBLISHED, Access.READ),
        _item("sku_list", "getSkuList", Source.PUBLISHED, Access.READ, verb="GET"),
        # Only the path of cancelOrder is published; its fields are assumed.
        _order("cancel_order", "merchant/cancelOrder", Source.PUBLISHED, Access.WRITE),
        _order("upload_invoice", "merchant/uploadInvoice", Source.ASSUMED, Access.WRITE),
        KwaiEndpoint(
            "arrange_shipment",
            "POST",
            "/rest/open/api/logistics/arrangeShipment",
            "merchant_order",
            Source.ASSUMED,
            Access.WRITE,
        ),
        KwaiEndpoint(
            "shipping_label",
            "GET",
            "/rest/open/api/logistics/getShippingLabel",
            "merchant_order",
            Source.ASSUMED,
            Access.READ,
        ),
        _order("list_refunds", "queryRefundList", Source.ASSUMED, Access.READ),
        _order("ship_order", "merchant/shipOrder", Source.ASSUMED, Access.WRITE),
        _order("confirm_delivery", "merchant/confirmDelivery", Source.ASSUMED, Access.WRITE),
        _item("update_stock", "updateStock", Source.ASSUMED, Access.WRITE),
        _item("update_price", "updatePrice", Source.ASSUMED, Access.WRITE),
    )
}


# What screens call each signed call.
CALL_LABELS: Mapping[str, str] = {
    "list_orders": "ler pedidos",
    "order_details": "ler detalhes de pedidos",
    "list_items": "ler anúncios",
    "sku_list": "ler SKUs de anúncios",
    "cancel_order": "cancelar pedidos",
    "upload_invoice": "enviar NF-e",
    "arrange_shipment": "programar envio",
    "shipping_label": "buscar etiquetas",
    "list_refunds": "ler reembolsos",
    "ship_order": "enviar rastreio",
    "confirm_delivery": "confirmar entrega",
    "update_stock": "enviar estoque",
    "update_price": "enviar preço",
}


def endpoint_table(overrides: Mapping[str, Any]) -> dict[str, KwaiEndpoint]:
    """The table with corrected paths (`KWAI_PATHS`). Raises CodeTableError for one that fits no row or is no
    path."""
    if not isinstance(overrides, Mapping):
        raise CodeTableError("KWAI_PATHS precisa ser um objeto JSON, como {}.")
    for name, path in overrides.items():
        if name not in ENDPOINTS:
            raise CodeTableError(f"KWAI_PATHS: a chamada {name} não existe; {nearest(name, ENDPOINTS)}.")
        if not isinstance(path, str) or not PATH.fullmatch(path):
            raise CodeTableError(
                f"KWAI_PATHS: o caminho de {name} precisa começar com / e ter só letras, algarismos e "
                f"/._~-, como {ENDPOINTS[name].path}."
            )
    return {
        name: replace(endpoint, path=overrides.get(name, endpoint.path))
        for name, endpoint in ENDPOINTS.items()
    }
