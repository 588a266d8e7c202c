from django.urls import path

from invoices.views import correcting, detail, issuing, lists, months, printing, unlinked, upload

app_name = "invoices"
urlpatterns = [
    path("", lists.InvoiceList.as_view(), name="list"),
    path("gerar/", issuing.invoice_issue, name="issue"),
    path("enviar/", upload.invoice_upload, name="upload"),
    path("sem-pedido/", unlinked.UnlinkedList.as_view(), name="unlinked"),
    path("fechamento/", months.invoice_months, name="months"),
    path("fechamento/exportar/", months.invoice_export, name="export"),
    path("<int:pk>/", detail.invoice_detail, name="detail"),
    path("recusados/<int:pk>/", lists.refused_file, name="refused_file"),
    path("<int:pk>/xml/ver/", detail.invoice_xml_view, name="xml_view"),
    path("<int:pk>/xml/", detail.invoice_xml, name="xml"),
    path("<int:pk>/imprimir/<str:printout>/", printing.invoice_printout, name="printout"),
    path("<int:pk>/corrigir/", correcting.invoice_correct, name="correct"),
    path("<int:pk>/cancelar/", issuing.invoice_cancellation, name="cancel"),
    path("<int:pk>/transporte/", detail.invoice_carrier, name="carrier"),
    path("<int:pk>/seguir/", detail.invoice_proceed_anyway, name="proceed"),
    path("<int:pk>/vincular/", detail.invoice_order_link, name="link"),
    path("<int:pk>/desvincular/", detail.invoice_order_unlink, name="unlink"),
]
