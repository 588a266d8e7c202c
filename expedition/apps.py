from django.apps import AppConfig


class ExpeditionConfig(AppConfig):
    name = "expedition"
    verbose_name = "Expedição"
