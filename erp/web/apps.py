"""The shell: layout, home, search and the scaffolds of every screen. Knows no app but accounts."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "erp.web"
    label = "web"
    verbose_name = "Telas"

    def ready(self) -> None:
        from django.core import checks

        from erp import metrics
        from erp.settings.checks import TAG, values_check
        from erp.web import registry
        from erp.web.lists.bulk import work_kind
        from erp.web.metrics import health_figures
        from erp.work import kinds

        kinds.register(work_kind())
        metrics.register("health", health_figures)
        checks.register(values_check, TAG)

        registry.sidebar_register(section="início", label="Início", url_name="web:home", icon="home", order=0)
