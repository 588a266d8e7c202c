from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "erp.catalog"
    label = "catalog"
    verbose_name = "Catálogo"

    def ready(self) -> None:
        from erp.web.registry import sidebar_register

        sidebar_register(
            section="cadastros", label="Produtos", url_name="catalog:products", icon="box", order=10
        )
