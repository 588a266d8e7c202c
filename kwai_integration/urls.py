from django.urls import path

from kwai_integration.views import (
    first_push,
    jobs,
    links,
    orders,
    reauthorise,
    steps,
    stores,
    tour,
    webhook,
)

app_name = "kwai"
urlpatterns = [
    path("integracoes/", stores.store_list, name="stores"),
    path("integracoes/adicionar/", stores.store_add, name="store_add"),
    path("integracoes/<int:pk>/", stores.store_detail, name="store"),
    path("integracoes/<int:pk>/conexao/", stores.store_connection, name="store_connection"),
    path("integracoes/<int:pk>/conectar/", stores.store_connect, name="store_connect"),
    path("integracoes/<int:pk>/conta/", stores.store_account, name="store_account"),
    path("integracoes/<int:pk>/autorizar/", reauthorise.reauthorise, name="reauthorise"),
    path("integracoes/<int:pk>/ativar/", stores.store_switch, name="store_switch"),
    path("integracoes/<int:pk>/desconectar/", stores.store_disconnected, name="store_disconnect"),
    path("integracoes/<int:pk>/descartar/", stores.store_discarded, name="store_discard"),
    path("integracoes/<int:pk>/dia-a-dia/", stores.store_guide, name="store_guide"),
    path("integracoes/<int:pk>/verificacao/", steps.store_live, name="store_live"),
    path("integracoes/<int:pk>/etapa/<slug:step>/", steps.store_step, name="store_step"),
    path("kwai/oauth/callback/", stores.oauth_callback, name="oauth_callback"),
    path("kwai/webhook/", webhook.webhook, name="webhook"),
    path("pedidos-no-e-commerce/", orders.KwaiOrderList.as_view(), name="orders"),
    path("pedidos-no-e-commerce/<int:pk>/", orders.kwai_order_detail, name="order"),
    path("pedidos-no-e-commerce/itens/", links.ListingList.as_view(), name="links"),
    path("pedidos-no-e-commerce/itens/<int:pk>/", links.listing_edit, name="link"),
    path("passeio/", tour.tour, name="tour"),
    path("passeio/recolher/", tour.tour_fold, name="tour_fold"),
    path("envios-ao-kwai/", jobs.JobList.as_view(), name="jobs"),
    path("envios-ao-kwai/<int:pk>/", jobs.job_detail, name="job"),
    path("envios-ao-kwai/<int:pk>/primeiro/", first_push.job_first, name="job_first"),
]
