"""Orders that are not as they should be, for seeing what the ERP makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kwai_sandbox import orders
from kwai_sandbox.clock import DAY, now_ms


@dataclass(frozen=True)
class Oddity:
    """`fields` are those of `POST /_sandbox/orders`; `watch` says what to look at in the ERP."""

    label: str
    watch: str
    fields: dict[str, Any]


MASKED = dict.fromkeys(
    ("name", "cpf", "phone", "zipCode", "district", "street", "number", "complement"), "***"
) | {"state": "SP", "city": "São Paulo"}
HOSTILE_BUYER = {
    "name": "<script>alert(1)</script> ^XZ ~JA 😀",
    "cpf": "52998224725",
    "phone": "+5511987654321",
    "zipCode": "01310100",
    "state": "SP",
    "city": "São Paulo",
    "district": "Bela Vista",
    "street": "Av. Paulista'; DROP TABLE orders; --",
    "number": "1000",
    "complement": "<b>fundos</b>",
}


def oddities() -> dict[str, Oddity]:
    """The kinds on offer by key, in the order they are shown; times are the present ones."""
    return {
        "unknown_sku": Oddity(
            "com um SKU que o ERP não conhece",
            "Em Pedidos no e-commerce ele espera em “item sem vínculo”; vincule uma vez e ele segue.",
            {"skus": ["SKU-DESCONHECIDO"]},
        ),
        "masked": Oddity(
            "com endereço escondido (***)",
            "O pedido entra, mas etiqueta e nota esperam o endereço verdadeiro.",
            {"overrides": {"receiverAddressInfo": MASKED}},
        ),
        "no_address": Oddity(
            "sem endereço", "O pedido entra com um aviso.", {"omit": ["receiverAddressInfo"]}
        ),
        "wrong_total": Oddity(
            "com total que não confere",
            "O pedido entra com o aviso do valor.",
            {"overrides": {"totalAmount": 1}},
        ),
        "unknown_status": Oddity(
            "com situação que ninguém conhece",
            "A situação aparece como não mapeada e não é adivinhada.",
            {"overrides": {"orderStatus": 35}},
        ),
        "no_shipping_type": Oddity(
            "sem tipo de envio",
            "Nota e entrega seguem; antes de mandar um rastreio o ERP pergunta quem envia.",
            {"omit": ["shippingType"]},
        ),
        "held": Oddity(
            "retido pelo Kwai",
            "O ERP não deixa despachar até você liberar a retenção aqui.",
            {"overrides": {"holdReason": "Em análise de segurança"}},
        ),
        "refund": Oddity(
            "com reembolso pedido",
            "O ERP não deixa despachar enquanto o reembolso estiver em andamento.",
            {"overrides": {"refundStatus": orders.REFUND_ASKED}},
        ),
        "late": Oddity(
            "com prazo de envio vencido",
            "O prazo aparece em vermelho.",
            {"overrides": {"shipByTime": now_ms() - DAY}},
        ),
        "hostile": Oddity(
            "com texto malicioso",
            "O texto aparece como texto, também na etiqueta; nada é executado.",
            {
                "overrides": {
                    "receiverAddressInfo": HOSTILE_BUYER,
                    "buyerRemark": "nulo \x00 e \u202einvertido",
                }
            },
        ),
        "no_lines": Oddity(
            "sem itens",
            "Fica em quarentena com o motivo; os outros seguem.",
            {"overrides": {"orderItemView": []}},
        ),
    }
