"""Long work in front of a person: rows done in slices, with progress and results that stay. Knows no app but
accounts; the other apps register what can be done (`erp.work.kinds`)."""

from django.apps import AppConfig


class WorkConfig(AppConfig):
    name = "erp.work"
    label = "work"
    verbose_name = "Trabalhos"

    def ready(self) -> None:
        from erp.web import registry

        registry.sidebar_register(
            section="configurações", label="Trabalhos", url_name="work:list", icon="checklist", order=90
        )
