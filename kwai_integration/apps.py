from django.apps import AppConfig


class KwaiIntegrationConfig(AppConfig):
    name = "kwai_integration"
    verbose_name = "Kwai Shop"
