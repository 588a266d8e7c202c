from django.apps import AppConfig


class StockConfig(AppConfig):
    name = "erp.stock"
    label = "stock"
    verbose_name = "Estoque"

    def ready(self) -> None:
        from erp.accounts.services import company_defaults_register
        from erp.catalog.balances import balances_register
        from erp.stock import shell
        from erp.stock.selectors import balances_of
        from erp.stock.services import warehouse_default_create

        company_defaults_register(warehouse_default_create)
        balances_register(balances_of)
        shell.register()
