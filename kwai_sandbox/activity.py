"""What a call was about, in words for people; never personal data, never a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LONGEST_WORD = 60
Fields = dict[str, Any]


def _word(value: Any) -> str:
    return str(value)[:LONGEST_WORD]


def _details(fields: Fields) -> str:
    asked = fields.get("orderList")
    count = len(asked) if isinstance(asked, list) else 0
    return "leu o pedido" if count == 1 else f"leu {count} pedidos"


def _page(what: str, name: str) -> Callable[[Fields], str]:
    return lambda fields: f"procurou {what}, página {_word(fields.get(name))}"


SENTENCES: dict[str, Callable[[Fields], str]] = {
    "oauth2/token": lambda _: "trocou a autorização do vendedor por um acesso",
    "oauth2/refreshToken": lambda _: "renovou o acesso",
    "trade/queryOrderList": _page("pedidos alterados", "page"),
    "trade/queryOrderDetails": _details,
    "trade/queryRefundList": _page("reembolsos", "page"),
    "trade/merchant/uploadInvoice": lambda fields: f"enviou a NF-e {_word(fields.get('number'))}",
    "trade/merchant/shipOrder": lambda fields: f"enviou o rastreio {_word(fields.get('trackingNumber'))}",
    "trade/merchant/confirmDelivery": lambda _: "avisou que foi entregue",
    "trade/merchant/cancelOrder": lambda _: "pediu o cancelamento",
    "product/listItem": _page("anúncios", "currentPage"),
    "product/getSkuList": lambda fields: f"leu os SKUs do anúncio {_word(fields.get('itemId'))}",
    "product/updateStock": lambda fields: (
        f"pôs o estoque do SKU {_word(fields.get('skuId'))} em {_word(fields.get('stock'))}"
    ),
    "product/updatePrice": lambda fields: f"mudou o preço do SKU {_word(fields.get('skuId'))}",
    "product/addItem": lambda fields: f"criou o anúncio “{_word(fields.get('title'))}”",
    "product/updateItem": lambda fields: f"mudou o anúncio {_word(fields.get('itemId'))}",
    "product/updateActiveStatus": lambda fields: (
        f"{'ligou' if fields.get('activeStatus') == 1 else 'pausou'} o anúncio {_word(fields.get('itemId'))}"
    ),
    "product/uploadImage": lambda _: "enviou uma imagem",
    "product/getCategoryList": lambda _: "leu as categorias",
    "product/getCategoryAttributes": lambda fields: (
        f"leu os atributos da categoria {_word(fields.get('categoryId'))}"
    ),
    "logistics/arrangeShipment": lambda _: "programou o envio",
    "logistics/getShippingLabel": lambda _: "pediu a etiqueta",
}


def sentence(name: str, fields: Fields) -> str:
    """What the ERP did with call `name` (its path without the root), from the body or query."""
    say = SENTENCES.get(name)
    return say(fields) if say else f"chamou {_word(name)}, que não existe"


def order_of(fields: Fields) -> str:
    """The one order a call is about, empty when it is about none or many."""
    asked = fields.get("orderList")
    value = asked[0] if isinstance(asked, list) and len(asked) == 1 else fields.get("orderId")
    text = str(value)
    return text if text.isascii() and text.isdigit() and len(text) <= 19 else ""
