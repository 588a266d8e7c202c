"""Signing in and out, the first start, the company's data and its users."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from erp.accounts import user_screens, views

urlpatterns = [
    path("entrar/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("sair/", LogoutView.as_view(), name="logout"),
    path("configurar/<str:token>/", views.setup, name="setup"),
    path("usuarios/", user_screens.UserList.as_view(), name="users"),
    path("usuarios/novo/", user_screens.create, name="user_create"),
    path("usuarios/<int:pk>/", user_screens.change, name="user"),
    path("usuarios/<int:pk>/link-de-senha/", user_screens.link_create, name="user_password_link"),
    path("senha/<uidb64>/<token>/", user_screens.PasswordSet.as_view(), name="password_set"),
    path("empresa/", views.company, name="company"),
]
