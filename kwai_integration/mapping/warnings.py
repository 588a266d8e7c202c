"""What an order may lack without being refused: stable codes and the Portuguese text of each badge."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Warn(StrEnum):
    """Stable: stored with the order, shown as a badge, documented."""

    STATUS_UNKNOWN = "status_unknown"
    CURRENCY_MISSING = "currency_missing"
    COUNTRY_UNKNOWN = "country_unknown"
    TOTAL_MISSING = "total_missing"
    TOTAL_DIFFERS = "total_differs"
    AMOUNT_UNREADABLE = "amount_unreadable"
    MOMENT_UNREADABLE = "moment_unreadable"
    BUYER_MISSING = "buyer_missing"
    BUYER_MASKED = "buyer_masked"
    TAX_ID_MISSING = "tax_id_missing"
    TAX_ID_INVALID = "tax_id_invalid"
    ADDRESS_MASKED = "address_masked"
    ADDRESS_INCOMPLETE = "address_incomplete"
    ITEM_ID_MISSING = "item_id_missing"
    SELLER_CODE_UNUSABLE = "seller_code_unusable"
    SHIPPING_TYPE_UNKNOWN = "shipping_type_unknown"
    INVOICE_STATUS_UNKNOWN = "invoice_status_unknown"
    REFUND_STATUS_UNKNOWN = "refund_status_unknown"


WARNING_TEXTS: Mapping[Warn, str] = {
    Warn.STATUS_UNKNOWN: "Situação não mapeada: diga o que ela significa em Integrações › Mapeamentos.",
    Warn.CURRENCY_MISSING: "O pedido veio sem moeda; os valores foram lidos como reais.",
    Warn.COUNTRY_UNKNOWN: "O país do pedido não é o Brasil: confira o endereço antes de enviar.",
    Warn.TOTAL_MISSING: "O pedido veio sem total; vale a soma dos itens, do frete e dos descontos.",
    Warn.TOTAL_DIFFERS: "O total informado difere da soma dos itens, do frete e dos descontos: confira.",
    Warn.AMOUNT_UNREADABLE: "Frete, desconto ou pagamento veio ilegível e ficou de fora: confira no Kwai.",
    Warn.MOMENT_UNREADABLE: "Uma data veio ilegível e ficou em branco: confira no Kwai.",
    Warn.BUYER_MISSING: "O pedido veio sem comprador: aguarde a atualização ou preencha os dados.",
    Warn.BUYER_MASKED: "Os dados do comprador vieram ocultos: aguarde o pagamento ou preencha os dados.",
    Warn.TAX_ID_MISSING: "O pedido veio sem CPF ou CNPJ: preencha antes de emitir a NF-e.",
    Warn.TAX_ID_INVALID: "O CPF ou CNPJ do comprador é inválido: corrija antes de emitir a NF-e.",
    Warn.ADDRESS_MASKED: "O endereço veio oculto: aguarde o pagamento ou preencha o endereço.",
    Warn.ADDRESS_INCOMPLETE: "O endereço está incompleto: preencha antes de emitir NF-e e etiqueta.",
    Warn.ITEM_ID_MISSING: "Um item veio sem o código do anúncio: vincule o SKU à mão.",
    Warn.SELLER_CODE_UNUSABLE: "O código do vendedor de um item é inutilizável: vincule o SKU à mão.",
    Warn.SHIPPING_TYPE_UNKNOWN: "O tipo de envio é desconhecido: confira no Kwai antes de despachar.",
    Warn.INVOICE_STATUS_UNKNOWN: "A situação da NF-e no Kwai é desconhecida: confira no Kwai.",
    Warn.REFUND_STATUS_UNKNOWN: "A situação do reembolso é desconhecida e o envio parou: confira no Kwai.",
}


# Before the name of a part of the order that could not be read (`mapping.orders.PARTS`).
UNREAD = "unread:"
UNREAD_TEXTS: Mapping[str, str] = {
    "situation": "A situação não pôde ser lida na última resposta do Kwai; vale a anterior.",
    "lines": "Os itens não puderam ser lidos na última resposta do Kwai; valem os anteriores.",
    "amounts": "Um valor não pôde ser lido na última resposta do Kwai; vale o anterior.",
    "deadlines": "Uma data não pôde ser lida na última resposta do Kwai; vale a anterior.",
    "address": "Comprador e endereço não puderam ser lidos na última resposta do Kwai; valem os anteriores.",
    "shipping": "O tipo de envio não pôde ser lido na última resposta do Kwai; vale o anterior.",
    "invoice": "A situação da nota não pôde ser lida na última resposta do Kwai; vale a anterior.",
    "tracking": "O rastreio não pôde ser lido na última resposta do Kwai; vale o anterior.",
    "refund": "O reembolso não pôde ser lido na última resposta do Kwai; vale o anterior: confira no Kwai.",
    "payments": "O pagamento não pôde ser lido na última resposta do Kwai; vale o anterior.",
    "texts": "A observação ou o motivo do cancelamento não pôde ser lido; vale o anterior: confira no Kwai.",
}


def warning_text(code: str) -> str:
    """The text of a stored code; a code of another version shows as itself."""
    if code.startswith(UNREAD):
        return UNREAD_TEXTS.get(code.removeprefix(UNREAD), code)
    return WARNING_TEXTS[Warn(code)] if code in set(Warn) else code
