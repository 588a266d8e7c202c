"""Routes of the shell itself."""

from erp.accounts.permissions import MEMBER, PUBLIC, VIEW, route
from erp.web import health, views

app_name = "web"
urlpatterns = [
    route("", views.home, "home", MEMBER),
    route("busca/", views.search, "search", VIEW),
    route("healthz", health.healthz, "healthz", PUBLIC),
    route("readyz", health.readyz, "readyz", PUBLIC),
]
