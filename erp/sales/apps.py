from django.apps import AppConfig


class SalesConfig(AppConfig):
    name = "erp.sales"
    label = "sales"
    verbose_name = "Vendas"
