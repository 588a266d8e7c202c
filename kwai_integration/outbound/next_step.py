"""Whose the next step of an order is: *seu*, *do Kwai*, *do transportador* or *do comprador*."""

from __future__ import annotations

from erp.sales.models import Order, ShippedBy
from kwai_integration.client.codes import PAID_ROLES, KwaiInvoiceStatus, KwaiRole

NOBODYS = "Nenhum: o pedido terminou."
FROZEN = "Seu: resolver o que mantém o pedido parado, no alto desta página."
NOTE_STEPS = {
    KwaiInvoiceStatus.RECEIVED: "Do Kwai: aceitar a NF-e, que está em análise.",
    KwaiInvoiceStatus.REFUSED: "Seu: corrigir ou trocar a NF-e que o Kwai recusou, e enviar de novo.",
}
ARRANGE_STEPS = {
    ShippedBy.CHANNEL: "Seu: programar o envio.",
    ShippedBy.SELLER: "Seu: concluir a expedição e enviar o código de rastreio.",
    ShippedBy.UNKNOWN: "Seu: dizer quem leva o pacote.",
}
PICKUP_STEPS = {
    ShippedBy.CHANNEL: "Seu: imprimir a etiqueta e concluir a coleta. O Kwai mostra enviado quando o "
    "transportador ler o pacote.",
    ShippedBy.SELLER: "Do transportador: levar o pacote; o Kwai mostra enviado depois disso.",
    ShippedBy.UNKNOWN: "Seu: dizer quem leva o pacote.",
}


def next_step(order: Order, role: KwaiRole | None, invoice_status: str) -> str:
    """One sentence for the order's page; `invoice_status` is what Kwai last said of the note."""
    if role is None:
        return (
            f"Seu: dizer em Mapeamentos o que a situação {order.remote_status} significa no Kwai. Até lá "
            "nada é enviado."
        )
    if order.frozen_reason and (role in PAID_ROLES or order.handover_unclear):
        return FROZEN
    shipper = ShippedBy(order.shipped_by)
    match role:
        case KwaiRole.AWAITING_PAYMENT:
            return "Do comprador: pagar."
        case KwaiRole.AWAITING_INVOICE:
            known = invoice_status in set(NOTE_STEPS)
            return NOTE_STEPS[KwaiInvoiceStatus(invoice_status)] if known else "Seu: enviar a NF-e."
        case KwaiRole.TO_ARRANGE:
            return ARRANGE_STEPS[shipper]
        case KwaiRole.AWAITING_PICKUP | KwaiRole.PACKED:
            return PICKUP_STEPS[shipper]
        case KwaiRole.SHIPPED:
            return "Do transportador: entregar. Quando souber que chegou, marque como entregue."
        case KwaiRole.DELIVERED | KwaiRole.COMPLETED | KwaiRole.CLOSED:
            return NOBODYS
