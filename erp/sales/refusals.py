"""What sales refuses, and why an order stands still."""

from __future__ import annotations

from erp.refusals import Refusal
from erp.sales.statuses import OrderStatus

CANCELLED = Refusal("order.cancelled", "O pedido está cancelado.", "The order is cancelled.")
HELD = Refusal(
    "order.held",
    "O e-commerce pede para segurar o pedido: {reason}",
    "The marketplace asks to hold the order: {reason}",
)
CLOSED = Refusal(
    "order.closed", "O e-commerce encerrou este pedido.", "The marketplace has closed this order."
)
CLOSED_UNCLEAR = Refusal(
    "order.handover_unclear",
    f"{CLOSED} Diga na página do pedido se o pacote voltou ou foi entregue.",
    f"{CLOSED.english} Say on the order's page whether the parcel came back or was delivered.",
)
CLOSED_SENT = Refusal(
    "order.closed_after_dispatch",
    "O pedido foi enviado e depois o e-commerce o encerrou.",
    "The order was dispatched, and then the marketplace closed it.",
)
REFUND_ASKED = Refusal(
    "order.refund_asked",
    "Há um reembolso em andamento para este pedido.",
    "A refund of this order is under way.",
)
REFUND_PAID = Refusal(
    "order.refund_paid",
    "O comprador foi reembolsado. Se a mercadoria deve seguir assim mesmo, use liberar mesmo assim na página "
    "do pedido.",
    "The buyer was refunded. If the goods shall leave all the same, release the order on its page.",
)
# By how far the parcel is: a refund that runs, and one that was paid.
REFUND_ASKED_AFTER = {
    OrderStatus.SHIPPED: Refusal(
        "order.refund_asked_on_the_way",
        "O comprador pediu reembolso com o pacote a caminho: acompanhe no e-commerce.",
        "The buyer asked for a refund with the parcel on its way: follow it at the marketplace.",
    ),
    OrderStatus.UNDELIVERED: Refusal(
        "order.refund_asked_undelivered",
        "O comprador pediu reembolso do pacote não entregue: acompanhe no e-commerce.",
        "The buyer asked for a refund of the undelivered parcel: follow it at the marketplace.",
    ),
    OrderStatus.DELIVERED: Refusal(
        "order.return_asked",
        "O comprador pediu devolução depois da entrega: acompanhe no e-commerce.",
        "The buyer asked to return the delivered goods: follow it at the marketplace.",
    ),
}
REFUND_PAID_AFTER = {
    OrderStatus.SHIPPED: Refusal(
        "order.refund_paid_on_the_way",
        "O reembolso foi pago com o pacote a caminho. Se ele voltar, confira a mercadoria.",
        "The refund was paid with the parcel on its way. If it comes back, check the goods.",
    ),
    OrderStatus.UNDELIVERED: Refusal(
        "order.refund_paid_undelivered",
        "O reembolso do pacote não entregue foi pago. Se voltar, confira a mercadoria.",
        "The refund of the undelivered parcel was paid. If it comes back, check the goods.",
    ),
    OrderStatus.DELIVERED: Refusal(
        "order.refund_paid_after_delivery",
        "O reembolso foi pago depois da entrega. Se o pacote voltar, confira o conteúdo.",
        "The refund was paid after the delivery. If the parcel comes back, check what is in it.",
    ),
}
UNREAD = Refusal(
    "order.unread",
    "A última resposta do e-commerce não foi lida por inteiro ({parts}). Confira o pedido lá e use sincronizar "
    "situação antes de imprimir.",
    "The marketplace's last answer could not be read whole ({parts}). Check the order there and refresh it "
    "before printing.",
)
LINES_UNLINKED = Refusal(
    "order.lines_unlinked",
    "O pedido tem itens sem vínculo com um SKU: vincule-os em Pedidos no e-commerce antes de imprimir ou enviar.",
    "The order has items without a SKU: link them before printing or sending.",
)
LINES_TAKEN_AWAY = Refusal(
    "order.lines_taken_away",
    "O e-commerce retirou todos os itens deste pedido: não há o que imprimir nem enviar. Confira o pedido lá.",
    "The marketplace took every item of this order away: there is nothing to print or send. Check it there.",
)

NOT_REMOTE = Refusal(
    "order.not_of_a_channel",
    "Este pedido não veio de um e-commerce: quem envia é a loja.",
    "This order came from no marketplace: the shop ships it.",
)
SHIPPER_FIXED = Refusal(
    "order.shipper_fixed",
    "O pedido já foi despachado: quem envia não muda mais.",
    "The order was dispatched: who ships it does not change any more.",
)
SHIPPER_REPORTED = Refusal(
    "order.shipper_reported",
    "O {channel} já informa quem envia este pedido.",
    "{channel} itself says who ships this order.",
)
METHOD_OF_SELLER = Refusal(
    "shipping.method_of_seller",
    "Este pedido vai pelo {logistics}, e {method} não é desse tipo.",
    "{logistics} ships this order, and {method} is no method of that kind.",
)
METHOD_BEFORE_SHIPPER = Refusal(
    "shipping.shipper_unknown",
    "{method} é só para o que vai pelo {logistics}. Diga antes, na página do pedido, quem envia.",
    "{method} is only for what {logistics} ships. Say on the order's page who ships it first.",
)
METHOD_OF_CHANNEL = Refusal(
    "shipping.method_of_channel",
    "{method} é só para pedidos que vão pelo {logistics}; este não vai.",
    "{method} is only for orders that {logistics} ships; it does not ship this one.",
)
