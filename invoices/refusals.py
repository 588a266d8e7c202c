"""What the notes refuse. What a check of a file finds carries the check's own code (`intake.rules`)."""

from __future__ import annotations

from erp.refusals import Refusal

GONE = Refusal(
    "invoice.gone",
    "A nota não existe mais. Atualize a página.",
    "The invoice does not exist any more. Load the page again.",
)
ORDER_GONE = Refusal(
    "order.gone",
    "O pedido não existe mais. Atualize a página.",
    "The order does not exist any more. Load the page again.",
)
DAMAGED = Refusal(
    "invoice.file_damaged",
    "O arquivo guardado desta nota está danificado. Restaure-o de uma cópia.",
    "The stored file of this invoice is damaged. Restore it from a copy.",
)

# Sending
NOT_LINKED = Refusal(
    "invoice.not_linked",
    "A nota está sem pedido. Vincule-a ao pedido na página da nota.",
    "The invoice has no order. Link it to its order.",
)
NOT_AUTHORISED = Refusal(
    "invoice.not_authorised",
    "A nota está {status}. Só notas autorizadas são enviadas.",
    "The invoice is {status}. Only authorised invoices are sent.",
)

# Grouping
NOT_TO_GROUP = Refusal(
    "invoice.order_not_to_group",
    "O pedido está {status}. Só um pedido faturado entra em um agrupamento.",
    "The order is {status}. Only an invoiced order enters a group.",
)

# Linking
FOREIGN_ORDER = Refusal(
    "invoice.foreign_order",
    "O pedido escolhido não é desta empresa. Escolha outro pedido.",
    "The chosen order is of another company. Choose another order.",
)
LINKED_ELSEWHERE = Refusal(
    "invoice.linked_elsewhere",
    "A nota já está vinculada a outro pedido. Desvincule-a antes, na página da nota.",
    "The invoice is linked to another order. Unlink it first.",
)
OUT_OF_FORCE = Refusal(
    "invoice.out_of_force",
    "Uma nota cancelada ou rejeitada não pode ser vinculada. Envie outra nota.",
    "A cancelled or rejected invoice cannot be linked. Upload another one.",
)
NOT_WAITING = Refusal(
    "invoice.not_pending",
    "A nota não espera mais confirmação. Atualize a página e confira.",
    "The invoice waits for no confirmation any more. Load the page again.",
)
NEW_WARNINGS = Refusal(
    "invoice.new_warnings",
    "Há avisos novos nesta nota. Leia-os e confirme outra vez.",
    "There are new warnings about this invoice. Read them and confirm again.",
)
HELD_BY_WARNINGS = Refusal(
    "invoice.held_by_warnings",
    "{warnings} Abra a nota e use seguir mesmo assim, ou envie a nota corrigida.",
    "{warnings} Confirm them on the invoice, or upload the corrected one.",
)
JUST_LINKED = Refusal(
    "invoice.just_linked",
    "A nota acabou de ser vinculada a outro pedido. Atualize a página e confira.",
    "The invoice was linked to another order just now. Load the page again.",
)
KEEPS_CANCELLED = Refusal(
    "invoice.kept_cancelled",
    "A nota está cancelada e fica na história do pedido. Para ele andar, vincule a nota que vale.",
    "The invoice is cancelled and stays in the order's history. Link the one in force so that the order goes on.",
)
TOO_LATE_TO_UNLINK = Refusal(
    "invoice.order_ready",
    "O pedido já está pronto para envio ou enviado: a nota não pode mais ser trocada.",
    "The order is ready to ship or shipped: its invoice cannot be changed any more.",
)
SENT_ALREADY = Refusal(
    "invoice.sent",
    "Os dados da nota já foram enviados ao e-commerce: a nota não pode mais ser trocada.",
    "The invoice was sent to the marketplace: it cannot be changed any more.",
)
BEING_SENT = Refusal(
    "invoice.being_sent",
    "Os dados da nota estão na fila de envio ao e-commerce. Cancele o envio antes de desvincular.",
    "The invoice waits to be sent to the marketplace. Cancel that push before you unlink it.",
)
NOT_IN_FORCE = Refusal(
    "invoice.not_in_force",
    "A nota não está mais em vigor neste pedido. Envie a nota que vale em Notas Fiscais.",
    "The invoice is not in force for this order any more. Upload the one that is.",
)
TOO_LATE_TO_REPLACE = Refusal(
    "invoice.order_shipped",
    "O pedido já foi enviado ou encerrado: o e-commerce não aceita mais outra nota.",
    "The order was shipped or closed: the marketplace takes no other invoice.",
)
ORDER_CANCELLED = Refusal(
    "invoice.order_cancelled", "O pedido {order} está cancelado.", "Order {order} is cancelled."
)
ORDER_HAS_INVOICE = Refusal(
    "invoice.order_has_other",
    "O pedido {order} já tem a {invoice}. Cancele-a ou desvincule-a antes.",
    "Order {order} has {invoice} already. Cancel or unlink that one first.",
)
SAME_KEY = Refusal(
    "invoice.key_taken",
    "Já existe uma nota com esta chave e outro conteúdo. Confira qual dos arquivos é o original.",
    "There is an invoice with this key and other content. Check which file is the original.",
)
CARRIER_GONE = Refusal(
    "invoice.carrier_gone",
    "A transportadora escolhida não existe mais. Atualize a página e escolha outra.",
    "The chosen carrier does not exist any more. Load the page again.",
)
METHOD_GONE = Refusal(
    "invoice.method_gone",
    "A forma de envio escolhida não existe mais. Atualize a página e escolha outra.",
    "The chosen shipping method does not exist any more. Load the page again.",
)
NO_SUGGESTION = Refusal(
    "invoice.no_suggestion",
    "Não há sugestão para esta nota. Digite o número do pedido na linha dela.",
    "There is no suggestion for this invoice. Type the order's number.",
)
SUGGESTION_CHANGED = Refusal(
    "invoice.suggestion_changed",
    "A sugestão mudou enquanto a página estava aberta. Confira-a e vincule de novo.",
    "The suggestion changed while the page was open. Check it and link again.",
)
ORDER_AMBIGUOUS = Refusal(
    "order.ambiguous",
    "Há mais de um pedido com o número {typed}. Use o número do outro sistema.",
    "More than one order has the number {typed}. Use the number of the other system.",
)
ORDER_NOT_FOUND = Refusal(
    "order.not_found",
    "Pedido não encontrado. Digite o número do pedido, daqui ou do e-commerce.",
    "Order not found. Type its number, ours or the marketplace's.",
)
CHECKS_REFUSE = Refusal("invoice.checks_refuse", "{findings}", "{findings}")

# Printing
NOT_PRINTABLE = Refusal(
    "invoice.not_printable",
    "A nota está {status}. Só notas autorizadas têm DANFE.",
    "The invoice is {status}. Only authorised invoices have a DANFE.",
)
FILE_DAMAGED_TO_PRINT = Refusal(
    "invoice.file_damaged_to_print",
    "O arquivo guardado desta nota está danificado. Restaure-o de uma cópia antes de imprimir.",
    "The stored file of this invoice is damaged. Restore it from a copy before printing.",
)
FILE_FAILS = Refusal(
    "invoice.file_fails",
    "O arquivo guardado não passa mais na conferência. Abra a nota e veja as verificações.",
    "The stored file does not pass the validation any more. See its checks on the invoice.",
)
TOO_MANY_ITEMS = Refusal(
    "invoice.too_many_items",
    "A nota tem mais de {most} itens. Imprima este DANFE no emissor que a gerou.",
    "The invoice has more than {most} items. Print this DANFE where it was issued.",
)
TOO_MUCH_TO_PRINT = Refusal(
    "print.too_many_items",
    "As notas marcadas somam mais de {most} itens. Imprima-as em partes.",
    "The chosen invoices have more than {most} items. Print them in parts.",
)
TOO_MANY_TO_PRINT = Refusal(
    "print.too_many", "Marque até {most} notas por impressão.", "Print {most} invoices at a time at most."
)
NOT_DRAWN = Refusal(
    "invoice.not_drawn",
    "A nota traz algo que a impressão daqui não desenha. Imprima este DANFE no emissor que a gerou.",
    "The invoice holds something that cannot be drawn here. Print this DANFE where it was issued.",
)
NOT_ALONE = Refusal(
    "print.other_refused",
    "Não impressa: outra nota marcada não pode ser impressa. Desmarque-a e imprima de novo.",
    "Not printed: another chosen invoice cannot be printed. Leave that one out and print again.",
)
NO_PRINTER = Refusal(
    "print.not_installed",
    "A impressão de DANFE não está instalada neste servidor. Peça a quem cuida dele que instale o extra danfe (pip install brazilfiscalreport pypdfium2) e reinicie o ERP.",
    "Printing is not installed on this server: install the extra danfe and start the ERP again.",
)

# Exporting
PERIOD_REVERSED = Refusal(
    "export.period_reversed",
    "A data inicial vem depois da final. Corrija o período.",
    "The first day comes after the last. Correct the period.",
)
PERIOD_TOO_LARGE = Refusal(
    "export.too_many",
    "O período tem mais de {most} notas. Exporte-o em partes menores, mês a mês.",
    "The period has more than {most} invoices. Export it month by month.",
)
PERIOD_EMPTY = Refusal(
    "export.empty",
    "Não há notas nem eventos neste período e ambiente. Escolha outro período.",
    "There are no invoices and events in this period and environment. Choose another period.",
)
EXPORT_DAMAGED = Refusal(
    "export.file_damaged",
    "{file} Restaure-o de uma cópia de segurança e exporte de novo.",
    "{file} Restore it from a copy and export again.",
)

# Uploads
UPLOAD_FILE_GONE = Refusal(
    "invoice_upload.file_gone",
    "O ERP não tem mais este arquivo. Envie-o de novo.",
    "The ERP does not hold this file any more. Upload it again.",
)

# Archives
ZIP_BROKEN = Refusal(
    "archive.broken",
    "O ZIP está danificado ou incompleto. Gere-o de novo e envie outra vez.",
    "The ZIP is damaged or incomplete. Make it again.",
)
ZIP_TOO_MANY = Refusal(
    "archive.too_many",
    "O ZIP traz mais de {most} arquivos. Divida-o em partes menores.",
    "The ZIP holds more than {most} files. Split it.",
)
ZIP_EMPTY = Refusal(
    "archive.empty",
    "O ZIP está vazio. Ponha nele os XMLs das notas e envie outra vez.",
    "The ZIP is empty. Put the XML files of the invoices into it.",
)
ZIP_TOO_LARGE = Refusal(
    "archive.too_large",
    "O ZIP passa de 50 MB depois de aberto. Divida-o em partes menores.",
    "The ZIP is larger than 50 MB when opened. Split it.",
)
ZIP_POINTS_OUTSIDE = Refusal(
    "archive.names_outside",
    "O ZIP traz nomes de arquivo que apontam para fora dele. Gere-o de novo.",
    "The ZIP holds names that point outside of it. Make it again.",
)
ZIP_IN_ZIP = Refusal(
    "archive.nested",
    "O ZIP traz outro ZIP dentro. Abra-o e envie os XMLs, ou um só ZIP com eles.",
    "The ZIP holds another ZIP. Open it and upload the XML files.",
)
ZIP_PASSWORD = Refusal(
    "archive.encrypted",
    "O ZIP está protegido por senha. Gere-o sem senha e envie outra vez.",
    "The ZIP has a password. Make it without one.",
)
ZIP_COMPRESSION = Refusal(
    "archive.compression",
    "O ZIP usa uma compressão incomum. Gere-o de novo no formato comum.",
    "The ZIP uses an unusual compression. Make it again in the usual one.",
)
ZIP_BOMB = Refusal(
    "archive.expands_too_much",
    "O ZIP se expande muito mais do que notas se expandem. Envie os XMLs originais.",
    "The ZIP expands far more than invoices do. Upload the original XML files.",
)

# Issuing
SERIES_SPENT = Refusal(
    "issue.series_spent",
    "A numeração da série acabou: escolha outra série em Empresa.",
    "The numbers of the series are used up: choose another series.",
)
NOT_MADE_HERE = Refusal(
    "issue.not_made_here",
    "A nota não foi feita aqui: cancele-a no seu emissor e envie o XML do evento.",
    "The invoice was not issued here: cancel it where it was issued and upload the event.",
)
NO_ISSUER = Refusal(
    "issue.no_issuer",
    "A emissão escolhida não existe mais aqui. Escolha outra em Empresa e gere de novo.",
    "The chosen issuer does not exist here any more. Choose another one and issue again.",
)
IMPORTS_ONLY = Refusal(
    "issue.imports_only",
    "Esta empresa importa as notas. Envie o XML autorizado.",
    "This company imports its invoices. Upload the authorised XML.",
)
LACKS = Refusal("issue.lacks", "{lacks}", "{lacks}")
LAYOUT = Refusal(
    "issue.layout",
    "A nota foge do leiaute nacional: {wrong}. Corrija o cadastro.",
    "The invoice breaks the national layout: {wrong}. Correct the master data.",
)
ISSUER_UNAVAILABLE = Refusal(
    "issue.unavailable", "{problem} Tente de novo em alguns minutos.", "{problem} Try again in a few minutes."
)
ISSUER_REFUSED = Refusal("issue.refused", "{reason}", "{reason}")
