from django.urls import path

from expedition.views import groups, lists, shipments, tracking

app_name = "expedition"
urlpatterns = [
    path("", lists.expedition_list, name="list"),
    path("incluir/", groups.include, name="include"),
    path("codigos/", tracking.tracking_import_view, name="tracking_import"),
    path("leitura/", tracking.scan, name="scan"),
    path("agrupamentos/<int:pk>/", groups.group_detail, name="group"),
    path("agrupamentos/<int:pk>/codigos/", groups.group_codes, name="group_codes"),
    path("agrupamentos/<int:pk>/concluir/", groups.group_conclude_view, name="group_conclude"),
    path("agrupamentos/<int:pk>/programar/", groups.group_arrange, name="group_arrange"),
    path("agrupamentos/<int:pk>/etiquetas/", groups.group_labels, name="group_labels"),
    path("agrupamentos/<int:pk>/retirar/", groups.group_remove_view, name="group_remove"),
    path("agrupamentos/<int:pk>/data-prevista/", groups.group_expected, name="group_expected"),
    path("agrupamentos/<int:pk>/excluir/", groups.group_discard_view, name="group_discard"),
    path("objetos/<int:pk>/", shipments.shipment_detail, name="shipment"),
    path("objetos/<int:pk>/volumes/", shipments.shipment_packages, name="shipment_packages"),
    path("objetos/<int:pk>/programar/", shipments.shipment_arrange, name="shipment_arrange"),
    path("objetos/<int:pk>/etiqueta/", shipments.shipment_label, name="shipment_label"),
    path("objetos/<int:pk>/envio/", shipments.shipment_carrier, name="shipment_carrier"),
    path("objetos/<int:pk>/data-prevista/", shipments.shipment_expected, name="shipment_expected"),
    path("objetos/<int:pk>/cancelar/", shipments.shipment_cancel_view, name="shipment_cancel"),
]
