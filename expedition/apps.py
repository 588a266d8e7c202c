from django.apps import AppConfig


class ExpeditionConfig(AppConfig):
    name = "expedition"
    verbose_name = "Expedição"

    def ready(self) -> None:
        from erp import channels
        from expedition import shell
        from expedition.facts import ExpeditionFacts

        channels.listen(ExpeditionFacts())
        shell.register()
