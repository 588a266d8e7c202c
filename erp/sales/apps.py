from django.apps import AppConfig


class SalesConfig(AppConfig):
    name = "erp.sales"
    label = "sales"
    verbose_name = "Vendas"

    def ready(self) -> None:
        from erp.accounts.services import company_defaults_register
        from erp.sales import shell
        from erp.sales.defaults import company_defaults_create

        company_defaults_register(company_defaults_create)
        shell.register()
