from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "erp.catalog"
    label = "catalog"
    verbose_name = "Catálogo"
