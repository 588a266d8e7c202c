"""Signing in and out, the first start, the company's data and its users."""

from django.contrib.auth.views import LoginView, LogoutView

from erp.accounts import user_screens, views
from erp.accounts.permissions import MANAGE, PUBLIC, route

urlpatterns = [
    route("entrar/", LoginView.as_view(redirect_authenticated_user=True), "login", PUBLIC),
    route("sair/", LogoutView.as_view(), "logout", PUBLIC),
    route("configurar/<str:token>/", views.setup, "setup", PUBLIC),
    route("usuarios/", user_screens.UserList.as_view(), "users", MANAGE),
    route("usuarios/novo/", user_screens.create, "user_create", MANAGE),
    route("usuarios/<int:pk>/", user_screens.change, "user", MANAGE),
    route("usuarios/<int:pk>/link-de-senha/", user_screens.link_create, "user_password_link", MANAGE),
    route("senha/<uidb64>/<token>/", user_screens.PasswordSet.as_view(), "password_set", PUBLIC),
    route("empresa/", views.company, "company", MANAGE),
]
