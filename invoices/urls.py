from erp.accounts.permissions import MANAGE, OPERATE, OVERRIDE, VIEW, route
from invoices.views import correcting, detail, issuing, lists, months, printing, unlinked, upload

app_name = "invoices"
urlpatterns = [
    route("", lists.InvoiceList.as_view(), "list", VIEW, post=OPERATE),
    route("gerar/", issuing.invoice_issue, "issue", OPERATE),
    route("enviar/", upload.invoice_upload, "upload", OPERATE),
    route("sem-pedido/", unlinked.UnlinkedList.as_view(), "unlinked", VIEW, post=OPERATE),
    route("fechamento/", months.invoice_months, "months", VIEW),
    route("fechamento/exportar/", months.invoice_export, "export", MANAGE),
    route("<int:pk>/", detail.invoice_detail, "detail", VIEW),
    route("recusados/<int:pk>/", lists.refused_file, "refused_file", VIEW),
    route("<int:pk>/xml/ver/", detail.invoice_xml_view, "xml_view", VIEW),
    route("<int:pk>/xml/", detail.invoice_xml, "xml", VIEW),
    route("<int:pk>/imprimir/<str:printout>/", printing.invoice_printout, "printout", VIEW, post=OPERATE),
    route("<int:pk>/corrigir/", correcting.invoice_correct, "correct", OPERATE),
    route("<int:pk>/cancelar/", issuing.invoice_cancellation, "cancel", OPERATE),
    route("<int:pk>/transporte/", detail.invoice_carrier, "carrier", OPERATE),
    route("<int:pk>/seguir/", detail.invoice_proceed_anyway, "proceed", OVERRIDE),
    route("<int:pk>/vincular/", detail.invoice_order_link, "link", OPERATE),
    route("<int:pk>/desvincular/", detail.invoice_order_unlink, "unlink", OPERATE),
]
