from erp.accounts.permissions import OPERATE, VIEW, route
from expedition.views import groups, including, lists, shipments, tracking

app_name = "expedition"
urlpatterns = [
    route("", lists.expedition_list, "list", VIEW, post=OPERATE),
    route("incluir/", including.include, "include", OPERATE),
    route("incluir/notas/", including.include_invoices, "include_invoices", OPERATE),
    route("codigos/", tracking.tracking_import_view, "tracking_import", OPERATE),
    route("leitura/", tracking.scan, "scan", OPERATE),
    route("agrupamentos/<int:pk>/", groups.group_detail, "group", VIEW),
    route("agrupamentos/<int:pk>/codigos/", groups.group_codes, "group_codes", OPERATE),
    route("agrupamentos/<int:pk>/concluir/", groups.group_conclude_view, "group_conclude", OPERATE),
    route("agrupamentos/<int:pk>/programar/", groups.group_arrange, "group_arrange", OPERATE),
    route("agrupamentos/<int:pk>/etiquetas/", groups.group_labels, "group_labels", OPERATE),
    route("agrupamentos/<int:pk>/retirar/", groups.group_remove_view, "group_remove", OPERATE),
    route("agrupamentos/<int:pk>/data-prevista/", groups.group_expected, "group_expected", OPERATE),
    route("agrupamentos/<int:pk>/excluir/", groups.group_discard_view, "group_discard", OPERATE),
    route("objetos/<int:pk>/", shipments.shipment_detail, "shipment", VIEW),
    route("objetos/<int:pk>/volumes/", shipments.shipment_packages, "shipment_packages", OPERATE),
    route("objetos/<int:pk>/programar/", shipments.shipment_arrange, "shipment_arrange", OPERATE),
    route("objetos/<int:pk>/etiqueta/", shipments.shipment_label, "shipment_label", OPERATE),
    route("objetos/<int:pk>/envio/", shipments.shipment_carrier, "shipment_carrier", OPERATE),
    route("objetos/<int:pk>/data-prevista/", shipments.shipment_expected, "shipment_expected", OPERATE),
    route("objetos/<int:pk>/cancelar/", shipments.shipment_cancel_view, "shipment_cancel", OPERATE),
]
