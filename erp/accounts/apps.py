from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "erp.accounts"
    label = "accounts"
    verbose_name = "Contas"

    def ready(self) -> None:
        from django.core import checks

        from erp.accounts.permissions import routes_check
        from erp.web.registry import sidebar_register

        checks.register(routes_check, checks.Tags.urls)

        sidebar_register(
            section="configurações", label="Empresa", url_name="company", icon="building", order=10
        )
        sidebar_register(section="configurações", label="Usuários", url_name="users", icon="users", order=20)
