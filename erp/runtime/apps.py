"""How the ERP runs on one machine, and whether that machine still takes what it writes."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "erp.runtime"
    label = "runtime"
    verbose_name = "Execução"

    def ready(self) -> None:
        from erp.accounts.permissions import Permission
        from erp.attention import register
        from erp.runtime import storage

        register.register(
            register.ItemsSource(
                severities={storage.KEY: register.Severity.DANGER},
                items=storage.items,
                watched=lambda user: (),
                permission=Permission.VIEW,
            )
        )
