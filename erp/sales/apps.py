from django.apps import AppConfig


class SalesConfig(AppConfig):
    name = "erp.sales"
    label = "sales"
    verbose_name = "Vendas"

    def ready(self) -> None:
        from erp.accounts.services import company_defaults_register
        from erp.sales import shell
        from erp.sales.defaults import company_defaults_create
        from erp.sales.stock import order_lines_describe
        from erp.stock.causes import causes_register

        company_defaults_register(company_defaults_create)
        causes_register(order_lines_describe)
        shell.register()
