"""What the expedição refuses."""

from __future__ import annotations

from erp.refusals import Refusal

SHIPMENT_GONE = Refusal(
    "shipment.gone",
    "A expedição não existe mais. Atualize a página.",
    "The shipment does not exist any more. Load the page again.",
)
ORDER_GONE = Refusal("order.gone", "O pedido não existe mais.", "The order does not exist any more.")
OUT_OF_REACH = Refusal(
    "shipment.out_of_reach",
    "Esta expedição é de uma loja à qual você não tem acesso. Peça a um administrador.",
    "This shipment is of a store you have no access to. Ask an administrator.",
)
INVOICE_FELL = Refusal(
    "shipment.invoice_not_in_force",
    "A NF-e foi cancelada, rejeitada ou desvinculada. Vincule uma NF-e autorizada ao pedido.",
    "The invoice was cancelled, rejected or unlinked. Link an authorised one to the order.",
)

# Opening and following
HAS_SHIPMENT = Refusal(
    "order.has_shipment", "O pedido já tem a expedição {number}.", "The order has shipment {number} already."
)
DISPATCHED = Refusal(
    "order.dispatched",
    "O pedido já foi despachado: não há o que expedir.",
    "The order was dispatched: there is nothing to ship.",
)
DEAD_INVOICE = Refusal(
    "order.invoice_not_in_force",
    "A NF-e do pedido foi cancelada ou rejeitada. Vincule uma NF-e autorizada.",
    "The order's invoice was cancelled or rejected. Link an authorised one.",
)

# Codes
CODE_UNREADABLE = Refusal(
    "tracking.code_invalid",
    "O código tem caracteres que não são de um código de rastreio. Confira e digite de novo.",
    "The code has characters that no tracking code has. Check it and type it again.",
)
CODE_NOT_CORREIOS = Refusal(
    "tracking.code_not_correios",
    "{code} não é um código válido dos Correios: são 2 letras, 9 números e 2 letras, e o dígito verificador tem de conferir.",
    "{code} is no valid code of Correios: 2 letters, 9 digits and 2 letters, with the right check digit.",
)
CODE_OF_CHANNEL = Refusal(
    "tracking.channel_carries",
    "O {logistics} cuida do rastreio deste pedido: o número vem de lá, e não se digita.",
    "{logistics} tracks this order: the number comes from there and is not typed.",
)
CODE_FIXED = Refusal(
    "tracking.fixed",
    "A expedição está {status}: o código não muda mais.",
    "The shipment is {status}: its code does not change any more.",
)
CODE_NEEDED = Refusal(
    "tracking.needed",
    "A expedição já foi concluída: corrija o código, em vez de apagá-lo.",
    "The shipment was concluded: correct the code instead of removing it.",
)
CODE_OF_PACKAGE = Refusal(
    "tracking.code_of_other_package",
    "O código {code} já é de outro volume desta expedição.",
    "Code {code} is of another package of this shipment already.",
)
CODE_TAKEN = Refusal(
    "tracking.code_taken",
    "O código {code} já está na expedição {number}. Confira a etiqueta.",
    "Code {code} is on shipment {number} already. Check the label.",
)
CODES_REPEATED = Refusal(
    "tracking.code_twice",
    "O mesmo código aparece em dois volumes. Cada volume tem o seu.",
    "The same code stands on two packages. Each package has its own.",
)
TOO_MANY_PACKAGES = Refusal(
    "shipment.too_many_packages",
    "Uma expedição tem no máximo {most} volumes.",
    "A shipment has {most} packages at most.",
)
CODE_MISSING = Refusal(
    "tracking.missing",
    "Falta o código de rastreio, que o e-commerce exige. Digite o código.",
    "The tracking code is missing, and the marketplace needs it. Type the code.",
)
CODE_MISSING_CORREIOS = Refusal(
    "tracking.missing_correios",
    "Falta o código de rastreio dos Correios. Digite o código de cada volume.",
    "The tracking code of Correios is missing. Type the code of each package.",
)
NOT_ARRANGED = Refusal(
    "shipment.not_arranged",
    "Falta o número do {logistics}. Use programar envio.",
    "The number of {logistics} is missing. Arrange the shipment.",
)

# Imported lists
LIST_EMPTY = Refusal(
    "tracking_list.empty",
    "A lista está vazia. Cole uma linha por pedido: número e código de rastreio.",
    "The list is empty. Paste a line per order: number and tracking code.",
)
LINE_ROUNDED = Refusal(
    "tracking_list.number_rounded",
    "A planilha arredondou o número do pedido. Formate a coluna como texto e exporte de novo.",
    "The spreadsheet rounded the order's number. Format the column as text and export it again.",
)
LINE_WITHOUT_ORDER = Refusal(
    "tracking_list.no_order", "Falta o número do pedido.", "The order's number is missing."
)
LINE_WITHOUT_CODE = Refusal(
    "tracking_list.no_code", "Falta o código de rastreio.", "The tracking code is missing."
)
LINE_CONTRADICTS = Refusal(
    "tracking_list.other_code",
    "A linha {number} já deu outro código a esta expedição. Deixe só uma.",
    "Line {number} gave this shipment another code already. Keep one of them.",
)
NOT_FOUND = Refusal(
    "shipment.not_found",
    "Nenhuma expedição encontrada para {key}. Confira o número ou use incluir expedição.",
    "No shipment found for {key}. Check the number, or include the order first.",
)
AMBIGUOUS = Refusal(
    "shipment.ambiguous",
    "{key} é o número de um pedido e o de outra expedição. Digite P{key} para o pedido ou E{key} para a expedição.",
    "{key} is the number of an order and that of another shipment. Type P{key} for the order or E{key} for the shipment.",
)

# Method and date
NO_METHOD = Refusal(
    "shipment.no_method",
    "Sem forma de envio. Escolha a forma de envio na expedição, na NF-e ou no pedido.",
    "No shipping method. Choose one on the shipment, the invoice or the order.",
)
FOREIGN_METHOD = Refusal(
    "shipment.foreign_method",
    "Escolha uma forma de envio desta empresa.",
    "Choose a shipping method of this company.",
)
STATUS_FIXED = Refusal(
    "shipment.not_pending", "A expedição já está {status}.", "The shipment is {status} already."
)
IN_GROUP = Refusal(
    "shipment.in_group",
    "A expedição já está em {group}. Retire-a de lá primeiro.",
    "The shipment is in {group} already. Take it out of there first.",
)
METHOD_IN_GROUP = Refusal(
    "shipment.method_in_group",
    "Retire a expedição de {group} antes de mudar a forma de envio.",
    "Take the shipment out of {group} before you change its shipping method.",
)
OTHER_METHOD = Refusal(
    "shipment.other_method",
    "A forma de envio é {own}, e a do agrupamento é {method}.",
    "Its shipping method is {own}, and the group's is {method}.",
)
DATE_FIXED = Refusal(
    "shipment.date_fixed",
    "A expedição está {status}: a data prevista não muda mais.",
    "The shipment is {status}: its expected date does not change any more.",
)
DATE_NEEDED = Refusal(
    "shipment.date_needed",
    "Informe a data prevista: a expedição já foi concluída.",
    "Give the expected date: the shipment was concluded.",
)
DATE_TOO_EARLY = Refusal(
    "shipment.date_too_early",
    "A data prevista não pode ser anterior a {since:%d/%m/%Y}.",
    "The expected date cannot be before {since:%Y-%m-%d}.",
)

# Groups
GROUP_EMPTY = Refusal(
    "group.empty",
    "O agrupamento está vazio. Inclua ao menos um pedido.",
    "The group is empty. Include an order.",
)
GROUP_CONCLUDED = Refusal(
    "group.concluded",
    "{group} já foi concluída. Crie outro agrupamento.",
    "{group} was concluded. Make another group.",
)
GROUP_KEPT_CONCLUDED = Refusal("group.not_open", "{group} já foi concluída.", "{group} was concluded.")
GROUP_HAS_MEMBERS = Refusal(
    "group.has_members",
    "{group} tem expedições. Retire-as antes.",
    "{group} has shipments. Take them out first.",
)
NOT_IN_GROUP = Refusal(
    "shipment.not_in_group", "A expedição não está em {group}.", "The shipment is not in {group}."
)
LEFT_IN_GROUP = Refusal(
    "shipment.group_concluded",
    "{group} já foi concluída: cancele a expedição e inclua o pedido de novo.",
    "{group} was concluded: cancel the shipment and include the order again.",
)
TAKE_OUT = Refusal(
    "group.member_refused",
    "Retire a expedição do agrupamento. {reason}",
    "Take the shipment out of the group. {reason}",
)
TAKE_OUT_STATUS = Refusal(
    "group.member_not_pending",
    "A expedição já está {status}. Retire-a do agrupamento.",
    "The shipment is {status} already. Take it out of the group.",
)

# Cancelling, sending, delivery
DELIVERED = Refusal(
    "shipment.delivered",
    "O pedido já foi entregue. Não é possível cancelar a expedição.",
    "The order was delivered. The shipment cannot be cancelled.",
)
ON_ITS_WAY = Refusal(
    "shipment.dispatched",
    "O pedido já foi despachado. Não é possível cancelar a expedição.",
    "The order was dispatched. The shipment cannot be cancelled.",
)
UNDECIDED = Refusal(
    "shipment.handover_unclear",
    "O pedido foi encerrado depois que o pacote saiu. Diga na página do pedido se o pacote voltou ou foi entregue, em vez de cancelar a expedição.",
    "The order was closed after the parcel left. Say on its page whether the parcel came back or was delivered instead of cancelling the shipment.",
)
ALREADY_DELIVERED = Refusal(
    "shipment.already_delivered",
    "O pedido já está marcado como entregue.",
    "The order is marked as delivered already.",
)
NOT_CONCLUDED = Refusal(
    "shipment.not_concluded",
    "Conclua o agrupamento (PLP ou coleta) da expedição antes.",
    "Conclude the shipment's group (posting list or pickup) first.",
)
CANCELLED = Refusal("shipment.cancelled", "A expedição está cancelada.", "The shipment is cancelled.")
NO_INVOICE = Refusal(
    "order.no_invoice",
    "Falta a NF-e autorizada do pedido. Envie o XML em Notas Fiscais.",
    "The order's authorised invoice is missing. Upload its XML.",
)
NO_CARRIER = Refusal(
    "shipment.no_carrier",
    "Falta a transportadora. Escolha-a na expedição.",
    "The carrier is missing. Choose it on the shipment.",
)

# Labels
TOO_MANY_LABELS = Refusal(
    "label.too_many", "Imprima até {most} etiquetas por vez.", "Print {most} labels at a time at most."
)
NOT_ALONE = Refusal(
    "label.other_refused",
    "Não impressa: outra etiqueta marcada não pode ser impressa. Desmarque-a e imprima de novo.",
    "Not printed: another chosen label cannot be printed. Leave that one out and print again.",
)
OWN_CARRIER = Refusal(
    "label.of_own_carrier",
    "A etiqueta deste pedido é a da transportadora própria: ela não vem do e-commerce.",
    "The label of this order is that of the shop's own carrier: it does not come from the marketplace.",
)
NO_SHIPPER = Refusal(
    "order.shipper_unknown",
    "O e-commerce não informa quem envia este pedido. Diga na página do pedido.",
    "The marketplace does not say who ships this order. Say it on the order's page.",
)
LABEL_FETCHING = Refusal(
    "label.being_fetched",
    "A etiqueta está sendo buscada no {logistics}. Tente em instantes.",
    "The label is being fetched from {logistics}. Try again in a moment.",
)
LABEL_FETCHING_AGAIN = Refusal(
    "label.being_fetched_again",
    "A etiqueta está sendo buscada no {logistics}. Última resposta: {error}",
    "The label is being fetched from {logistics}. Last answer: {error}",
)
LABEL_FAILED = Refusal(
    "label.not_obtained",
    "A etiqueta não foi obtida: {error} Use buscar etiqueta de novo na expedição.",
    "The label was not obtained: {error} Fetch it again on the shipment.",
)
LABEL_ERASED = Refusal(
    "label.erased",
    "A etiqueta foi apagada{day}, 30 dias depois do fim do pedido.",
    "The label was erased, 30 days after the order ended.",
)
LABEL_DAMAGED = Refusal(
    "label.damaged",
    "O arquivo da etiqueta está danificado ou sumiu. Use buscar etiqueta de novo na expedição.",
    "The label's file is damaged or missing. Fetch it again on the shipment.",
)
LABEL_UNKNOWN = Refusal(
    "label.not_arranged",
    "O envio não foi programado: não há etiqueta.",
    "The shipment was not arranged: there is no label.",
)
TWO_KINDS = Refusal(
    "label.two_kinds",
    "As etiquetas marcadas estão em PDF e em ZPL. Imprima cada formato por vez.",
    "The chosen labels are PDF and ZPL. Print one kind at a time.",
)
NO_DANFE_WITH_ZPL = Refusal(
    "label.zpl_without_danfe",
    "O DANFE só sai junto de etiquetas em PDF. Imprima estas em ZPL sem ele.",
    "The DANFE goes only with labels in PDF. Print these in ZPL without it.",
)
DANFE_LACKS_INVOICE = Refusal(
    "label.no_invoice",
    "Falta a NF-e autorizada do pedido: sem ela não há DANFE para imprimir junto.",
    "The order's authorised invoice is missing: without it there is no DANFE to print along.",
)
NO_PRINTER = Refusal("label.no_printer", "{reason}", "{reason}")
