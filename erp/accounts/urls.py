"""Signing in and out, the first start, and the company's data."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from erp.accounts import views

urlpatterns = [
    path("entrar/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("sair/", LogoutView.as_view(), name="logout"),
    path("configurar/<str:token>/", views.setup, name="setup"),
    path("empresa/", views.company, name="company"),
]
