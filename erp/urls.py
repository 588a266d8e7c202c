"""Every route of the product, room by room; each names beside it who may open it."""

from django.urls import include, path

urlpatterns = [
    path("", include("erp.web.urls")),
    path("", include("erp.accounts.urls")),
    path("", include("erp.attention.urls")),
    path("trabalhos/", include("erp.work.urls")),
    path("produtos/", include("erp.catalog.urls")),
    path("", include("erp.stock.urls")),
    path("", include("erp.sales.urls")),
    path("notas/", include("invoices.urls")),
    path("expedicao/", include("expedition.urls")),
    path("", include("kwai_integration.urls")),
]

handler500 = "erp.web.views.server_error"
