"""Routes of the shell itself."""

from erp.accounts.permissions import MEMBER, PUBLIC, VIEW, route
from erp.web import health, metrics, views

app_name = "web"
urlpatterns = [
    route("", views.home, "home", MEMBER),
    route("busca/", views.search, "search", VIEW),
    route("visoes/", views.list_views, "list_views", VIEW),
    route("visoes/<int:pk>/apagar/", views.list_view_delete, "list_view_delete", VIEW),
    route("favicon.ico", views.favicon, "favicon", PUBLIC),
    route("healthz", health.healthz, "healthz", PUBLIC),
    route("readyz", health.readyz, "readyz", PUBLIC),
    route("metrics", metrics.metrics, "metrics", PUBLIC),
]
