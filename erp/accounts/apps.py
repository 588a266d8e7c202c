from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "erp.accounts"
    label = "accounts"
    verbose_name = "Contas"
