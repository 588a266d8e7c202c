"""What the integration refuses. A failed call's own refusal is `wire.errors.KwaiError.refusal`."""

from __future__ import annotations

from erp.refusals import Refusal
from kwai_integration.wire.codes import LOGISTICS_LABEL

# The store and its connection
NOT_ACTIVE = Refusal(
    "store.not_active",
    "A integração desta loja não está ativa. Ative-a em Integrações.",
    "The integration of this store is not active. Activate it.",
)
STORE_NOT_ACTIVE = Refusal(
    "store.named_not_active",
    "A loja {store} não está ativa. Ative a loja em Integrações.",
    "Store {store} is not active. Activate it.",
)
NOT_CONNECTED = Refusal(
    "store.not_connected",
    "A loja não está conectada ao Kwai. Abra Integrações e use conectar com Kwai.",
    "The store is not connected to Kwai. Connect it.",
)
CONNECTION_ENDED = Refusal(
    "store.connection_ended",
    "A loja não está conectada ao Kwai ({health}). Abra Integrações e use conectar com Kwai.",
    "The store is not connected to Kwai ({health}). Connect it.",
)
CONNECT_FIRST = Refusal(
    "store.connect_first",
    "Conecte a loja ao Kwai antes de ativar.",
    "Connect the store to Kwai before you activate it.",
)
DISCONNECT_FIRST = Refusal(
    "store.disconnect_first",
    "Desconecte a loja do Kwai antes de descartar a integração.",
    "Disconnect the store from Kwai before you discard the integration.",
)
ALREADY_WORKED = Refusal(
    "store.already_worked",
    "Esta integração já trabalhou e guarda o que recebeu: use desativar.",
    "This integration has worked and keeps what it received: deactivate it.",
)
STORE_NAME_TAKEN = Refusal(
    "store.name_taken",
    "Já existe uma integração chamada {name}. Escolha outro nome.",
    "There is an integration named {name}. Choose another name.",
)

# Consent
OAUTH_PAUSED = Refusal(
    "consent.paused", "{reason} Depois use conectar com Kwai de novo.", "{reason} Then connect again."
)
CONSENT_DENIED = Refusal(
    "consent.denied",
    "A autorização foi recusada na página do Kwai. Nada mudou; use conectar com Kwai para tentar de novo.",
    "The consent was refused on Kwai's page. Nothing changed; connect to try again.",
)
CONSENT_FAILED = Refusal(
    "consent.failed",
    "O Kwai não concluiu a conexão. {error} Use conectar com Kwai para tentar de novo.",
    "Kwai did not complete the connection. {error} Connect to try again.",
)
CONSENT_EXPIRED = Refusal(
    "consent.expired",
    "A autorização expirou sem confirmação. Use conectar com Kwai de novo.",
    "The consent expired without a confirmation. Connect again.",
)
CONSENT_SPENT = Refusal(
    "consent.spent",
    "Este retorno do Kwai não vale mais: já foi usado, expirou ou foi pedido em outra sessão. Volte à integração e use conectar com Kwai de novo.",
    "This return from Kwai is spent: it was used, it expired, or another session asked for it. Connect again.",
)
OTHER_ACCOUNT = Refusal(
    "consent.other_account",
    "Esta integração pertence à conta Kwai {own}, mas a autorização veio da conta {other}. Entre na conta certa, ou instale outra integração para a nova conta.",
    "This integration belongs to the Kwai account {own}, but the consent came from {other}. Sign in to the right one, or install another integration.",
)
ACCOUNT_TAKEN = Refusal(
    "consent.account_taken",
    "A conta Kwai {account} já está conectada em {store}. Escolha outra conta.",
    "The Kwai account {account} is connected in {store} already. Choose another one.",
)

# Orders of the platform
ORDER_GONE = Refusal(
    "kwai_order.gone",
    "Este pedido no e-commerce não existe mais. Atualize a página.",
    "This order of the marketplace does not exist any more. Load the page again.",
)
ORDER_OUT_OF_REACH = Refusal(
    "kwai_order.out_of_reach",
    "O pedido não está mais ao alcance. Atualize a lista.",
    "The order is out of reach. Load the list again.",
)
NOT_RECEIVED = Refusal(
    "kwai_order.not_received",
    "O pedido ainda não foi recebido. Use receber pedidos primeiro.",
    "The order was not received yet. Receive it first.",
)
ALREADY_RECEIVED = Refusal("kwai_order.received", "Já recebido.", "The order was received and equals Kwai's.")
QUARANTINED = Refusal("kwai_order.quarantined", "Com problema: {problem}", "With a problem: {problem}")
UNLINKED = Refusal(
    "kwai_order.unlinked",
    "Item sem vínculo: vincule o anúncio a um SKU e o pedido é recebido sozinho.",
    "An item without a link: link its listing to a SKU, and the order is received by itself.",
)
FILTERED = Refusal(
    "kwai_order.filtered",
    "A loja não recebe pedidos na situação {role}; este segue quando mudar. Para receber já, marque a situação em Integrações › Pedidos.",
    "The store receives no orders that are {role}; this one follows when that changes. To receive it now, choose the situation in the store's settings.",
)
ANSWER_EMPTIED = Refusal(
    "kwai_order.answer_emptied",
    "A resposta do Kwai para este pedido não está mais guardada aqui. Use buscar no Kwai na página do pedido.",
    "Kwai's answer about this order is not kept any more. Fetch the order from Kwai.",
)
DETAILS_MISSING = Refusal(
    "kwai_order.details_missing",
    "O Kwai lista este pedido, mas não devolve os detalhes dele. Use sincronizar situação mais tarde ou confira o pedido no Kwai.",
    "Kwai lists this order and does not return its details. Refresh it later, or check it at Kwai.",
)
DETAILS_FAILED = Refusal(
    "kwai_order.details_failed",
    "O Kwai não consegue devolver os detalhes deste pedido. Use sincronizar situação mais tarde ou confira o pedido no Kwai.",
    "Kwai cannot return the details of this order. Refresh it later, or check it at Kwai.",
)
UNMAPPED = Refusal(
    "kwai_order.unmapped",
    "A situação {code} do Kwai não está mapeada. Diga o que ela significa em Integrações › Mapeamentos.",
    "Kwai's situation {code} is not mapped. Say what it means in the mappings.",
)

# Listings
LISTING_GONE = Refusal(
    "listing.gone",
    "Este anúncio não existe ou pertence a uma loja que você não acessa.",
    "This listing does not exist, or is of a store you have no access to.",
)
LISTING_LINKED = Refusal(
    "listing.linked_elsewhere",
    "Este anúncio já foi vinculado a outro SKU. Atualize a página.",
    "This listing was linked to another SKU. Load the page again.",
)
SKU_NEEDED = Refusal(
    "listing.sku_needed",
    "Escolha um SKU da empresa ou crie um novo.",
    "Choose a SKU of the company or create one.",
)
SKU_INCOMPLETE = Refusal(
    "listing.sku_incomplete",
    "Preencha o código e o nome do novo SKU.",
    "Give the code and the name of the new SKU.",
)
SKU_CODE_TAKEN = Refusal(
    "listing.sku_code_taken", "{error} Ou escolha esse SKU na lista.", "{error} Or choose that SKU."
)

# Pushes
NOT_FROM_KWAI = Refusal(
    "order.not_from_kwai", "Este pedido não veio do Kwai.", "This order did not come from Kwai."
)
CHOOSE_SHIPPER = Refusal(
    "order.choose_shipper",
    f"O Kwai não informa quem envia este pedido. Escolha {LOGISTICS_LABEL} ou transportadora própria na página do pedido.",
    f"Kwai does not say who ships this order. Choose {LOGISTICS_LABEL} or the shop's own carrier on the order's page.",
)
SELLERS = Refusal(
    "shipment.of_seller",
    "Este pedido vai por transportadora própria: não há envio a programar.",
    "The shop's own carrier ships this order: there is nothing to arrange.",
)
INVOICE_REFUSED = Refusal(
    "invoice.refused_by_channel",
    "O Kwai recusou a NF-e: {reason}. Corrija ou troque a nota e envie-a antes.",
    "Kwai refused the invoice: {reason}. Correct or replace it and send that first.",
)
SITUATION_UNKNOWN = Refusal(
    "order.situation_unknown",
    "A situação {code} do Kwai não é conhecida: diga em Mapeamentos o que ela significa. Até lá nada é enviado.",
    "Kwai's situation {code} is not known: say in the mappings what it means. Until then nothing is sent.",
)
NOT_PERMITTED = Refusal(
    "order.situation_forbids",
    "O Kwai mostra o pedido como {situation}: nessa situação {write}.",
    "Kwai shows the order as {situation}, which does not permit this.",
)
REMOTE_HELD = Refusal(
    "order.held_by_channel",
    "O Kwai pede para segurar o pedido: {reason}",
    "Kwai asks to hold the order: {reason}",
)
REMOTE_REFUNDED = Refusal(
    "order.refunded_at_channel",
    "{refund} no Kwai. Não envie a mercadoria.",
    "The buyer was refunded at Kwai. Do not ship the goods.",
)
REMOTE_REFUND_RUNS = Refusal(
    "order.refund_at_channel",
    "Há um reembolso em andamento no Kwai. Não envie a mercadoria.",
    "A refund is under way at Kwai. Do not ship the goods.",
)
LABEL_TOO_LATE = Refusal(
    "label.collected",
    f"O {LOGISTICS_LABEL} só dá a etiqueta até a coleta, e este pedido já foi coletado.",
    f"{LOGISTICS_LABEL} gives the label until the pickup, and this order was collected.",
)
LABEL_CLOSED = Refusal(
    "label.order_closed",
    "O pedido foi encerrado no Kwai: não há etiqueta para ele.",
    "The order was closed at Kwai: there is no label for it.",
)
PUSH_DONE = Refusal("push.done", "O Kwai já confirmou este envio.", "Kwai has confirmed this push.")
PUSH_UNDER_WAY = Refusal("push.under_way", "O envio está em andamento.", "The push is under way.")
PUSH_SUPERSEDED = Refusal(
    "push.superseded", "Um envio mais novo tomou o lugar deste.", "A newer push took the place of this one."
)
PUSH_ENDED = Refusal("push.ended", "Este envio já terminou.", "This push has ended.")
PUSH_CANCELLED = Refusal("push.cancelled", "Este envio já foi cancelado.", "This push was cancelled.")
ARRANGED = Refusal(
    "shipment.arranged",
    f"O {LOGISTICS_LABEL} já programou este envio; o número chega na próxima leitura do pedido.",
    f"{LOGISTICS_LABEL} has arranged this shipment; its number comes with the next reading.",
)
ARRANGED_WITH = Refusal(
    "shipment.arranged_with", "Já programado: número {number}.", "Arranged: number {number}."
)
ARRANGE_ASKED = Refusal("shipment.arrangement_asked", "Já pedido: {why}.", "Asked for: {why}.")

# What a push finds when its turn comes; each stops it until somebody acts (`outbound.causes`)
SHIPMENT_NOT_CONCLUDED = Refusal(
    "push.shipment_not_concluded",
    "A expedição ainda não foi concluída. Conclua-a e envie de novo.",
    "The shipment is not concluded. Conclude it and send again.",
)
SHIPMENT_CHANGED = Refusal(
    "push.shipment_changed",
    "A expedição mudou depois do pedido de envio: confira NF-e, transportadora e código, e envie de novo.",
    "The shipment changed after the push was asked for. Check invoice, carrier and code, and send again.",
)
CODE_CHANGED = Refusal(
    "push.code_changed",
    "O código ou a transportadora mudou depois do pedido de envio: envie o novo código.",
    "The code or the carrier changed after the push was asked for. Send the new code.",
)
SHIPPED_WITH_OTHER_CODE = Refusal(
    "push.shipped_with_other_code", "{said}", "The order was dispatched with another code: {said}"
)
LOGISTICS_TRACKS = Refusal(
    "push.logistics_tracks",
    f"O {LOGISTICS_LABEL} cuida do rastreio: nada a enviar.",
    f"{LOGISTICS_LABEL} tracks the parcel: there is nothing to send.",
)
INVOICE_CHANGED = Refusal(
    "push.invoice_changed",
    "A NF-e mudou depois do pedido de envio: confira a nota e envie-a de novo.",
    "The invoice changed after the push was asked for. Check it and send it again.",
)
INVOICE_NOT_AUTHORISED = Refusal(
    "push.invoice_not_authorised",
    "A NF-e {number} não está mais autorizada. Vincule a nota que vale.",
    "Invoice {number} is not authorised any more. Link the one in force.",
)
INVOICE_UNLINKED = Refusal(
    "push.invoice_unlinked",
    "A NF-e {number} não está mais vinculada a este pedido.",
    "Invoice {number} is not linked to this order any more.",
)
INVOICE_REFUSED_FIRST = Refusal(
    "push.invoice_refused",
    "O Kwai recusou a NF-e: {reason}. Corrija ou troque a nota; depois envie de novo.",
    "Kwai refused the invoice: {reason}. Correct or replace it, then send again.",
)
SITUATION_UNREAD = Refusal(
    "push.situation_unread",
    "O Kwai devolveu o pedido, mas não deu para ler a {part}. Nada foi enviado: confira o pedido no Kwai e envie de novo.",
    "Kwai returned the order without a readable {part}. Nothing was sent: check the order at Kwai.",
)
ORDER_NOT_RETURNED = Refusal(
    "push.order_not_returned",
    "O Kwai não devolveu este pedido. Confira na central do vendedor se ele ainda existe.",
    "Kwai did not return this order. Check in the seller centre whether it exists.",
)
