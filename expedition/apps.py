from django.apps import AppConfig


class ExpeditionConfig(AppConfig):
    name = "expedition"
    verbose_name = "Expedição"

    def ready(self) -> None:
        from erp import channels
        from erp.web import registry
        from expedition.facts import ExpeditionFacts

        channels.listen(ExpeditionFacts())
        registry.sidebar_register(
            section="vendas", label="Expedição", url_name="expedition:list", icon="truck", order=40
        )
