from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "erp.accounts"
    label = "accounts"
    verbose_name = "Contas"

    def ready(self) -> None:
        from erp.web.registry import sidebar_register

        sidebar_register(
            section="configurações", label="Empresa", url_name="company", icon="building", order=10
        )
        sidebar_register(section="configurações", label="Usuários", url_name="users", icon="users", order=20)
