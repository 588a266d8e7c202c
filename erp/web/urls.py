"""Routes of the shell itself."""

from django.urls import path

from erp.web import views

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("busca/", views.search, name="search"),
]
