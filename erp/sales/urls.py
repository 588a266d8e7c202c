from django.urls import path

from erp.sales.views import master, orders

app_name = "sales"
urlpatterns = [
    path("pedidos/", orders.OrderList.as_view(), name="orders"),
    path("pedidos/forma-de-envio/", orders.orders_shipping, name="orders_shipping"),
    path("pedidos/<int:pk>/", orders.order_detail, name="order"),
    path("pedidos/<int:pk>/envio/", orders.order_shipping, name="order_shipping"),
    path("pedidos/<int:pk>/quem-envia/", orders.order_shipper, name="order_shipper"),
    path("pedidos/<int:pk>/devolver-ao-estoque/", orders.order_stock, name="order_stock"),
    path("pedidos/<int:pk>/liberar/", orders.order_release, name="order_release"),
    path("pedidos/<int:pk>/pacote/", orders.order_handover, name="order_handover"),
    path("pedidos/<int:pk>/comprador/", orders.order_buyer, name="order_buyer"),
    path("pedidos/<int:pk>/endereco/", orders.order_address, name="order_address"),
    path("pedidos/<int:pk>/proposta/<str:part>/", orders.order_proposal, name="order_proposal"),
    path("transportadoras/", master.CarrierList.as_view(), name="carriers"),
    path("transportadoras/incluir/", master.CarrierEdit.as_view(), name="carrier_create"),
    path("transportadoras/<int:pk>/", master.CarrierEdit.as_view(), name="carrier"),
    path("formas-de-envio/", master.ShippingMethodList.as_view(), name="shipping_methods"),
    path("formas-de-envio/incluir/", master.ShippingMethodEdit.as_view(), name="shipping_method_create"),
    path("formas-de-envio/<int:pk>/", master.ShippingMethodEdit.as_view(), name="shipping_method"),
    path("formas-de-recebimento/", master.PaymentMethodList.as_view(), name="payment_methods"),
    path("formas-de-recebimento/incluir/", master.PaymentMethodEdit.as_view(), name="payment_method_create"),
    path("formas-de-recebimento/<int:pk>/", master.PaymentMethodEdit.as_view(), name="payment_method"),
]
