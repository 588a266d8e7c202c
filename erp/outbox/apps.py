from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "erp.outbox"
    label = "outbox"
    verbose_name = "Envios"

    def ready(self) -> None:
        from erp import metrics
        from erp.outbox.metrics import figures

        metrics.register("outbox", figures)
