from erp.accounts.permissions import MANAGE, OPERATE, VIEW, route
from erp.sales.views import master, orders

app_name = "sales"
urlpatterns = [
    route("pedidos/", orders.OrderList.as_view(), "orders", VIEW),
    route("pedidos/forma-de-envio/", orders.orders_shipping, "orders_shipping", OPERATE),
    route("pedidos/<int:pk>/", orders.order_detail, "order", VIEW),
    route("pedidos/<int:pk>/envio/", orders.order_shipping, "order_shipping", OPERATE),
    route("pedidos/<int:pk>/quem-envia/", orders.order_shipper, "order_shipper", OPERATE),
    route("pedidos/<int:pk>/devolver-ao-estoque/", orders.order_stock, "order_stock", OPERATE),
    route("pedidos/<int:pk>/liberar/", orders.order_release, "order_release", OPERATE),
    route("pedidos/<int:pk>/pacote/", orders.order_handover, "order_handover", OPERATE),
    route("pedidos/<int:pk>/comprador/", orders.order_buyer, "order_buyer", OPERATE),
    route("pedidos/<int:pk>/endereco/", orders.order_address, "order_address", OPERATE),
    route("pedidos/<int:pk>/proposta/<str:part>/", orders.order_proposal, "order_proposal", OPERATE),
    route("transportadoras/", master.CarrierList.as_view(), "carriers", VIEW),
    route("transportadoras/incluir/", master.CarrierEdit.as_view(), "carrier_create", MANAGE),
    route("transportadoras/<int:pk>/", master.CarrierEdit.as_view(), "carrier", VIEW, post=MANAGE),
    route("formas-de-envio/", master.ShippingMethodList.as_view(), "shipping_methods", VIEW),
    route("formas-de-envio/incluir/", master.ShippingMethodEdit.as_view(), "shipping_method_create", MANAGE),
    route(
        "formas-de-envio/<int:pk>/", master.ShippingMethodEdit.as_view(), "shipping_method", VIEW, post=MANAGE
    ),
    route("formas-de-recebimento/", master.PaymentMethodList.as_view(), "payment_methods", VIEW),
    route(
        "formas-de-recebimento/incluir/", master.PaymentMethodEdit.as_view(), "payment_method_create", MANAGE
    ),
    route(
        "formas-de-recebimento/<int:pk>/",
        master.PaymentMethodEdit.as_view(),
        "payment_method",
        VIEW,
        post=MANAGE,
    ),
]
