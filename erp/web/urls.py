"""Routes of the shell itself."""

from django.urls import path

from erp.web import health, views

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("busca/", views.search, name="search"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
