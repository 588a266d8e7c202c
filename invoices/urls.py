from django.urls import path

from invoices import views

app_name = "invoices"
urlpatterns = [
    path("", views.InvoiceList.as_view(), name="list"),
    path("enviar/", views.invoice_upload, name="upload"),
    path("<int:pk>/", views.invoice_detail, name="detail"),
    path("<int:pk>/xml/", views.invoice_xml, name="xml"),
    path("<int:pk>/transporte/", views.invoice_carrier, name="carrier"),
    path("<int:pk>/vincular/", views.invoice_order_link, name="link"),
    path("<int:pk>/desvincular/", views.invoice_order_unlink, name="unlink"),
]
