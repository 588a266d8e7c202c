"""How the ERP runs on one machine, and whether that machine still takes what it writes."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "erp.runtime"
    label = "runtime"
    verbose_name = "Execução"

    def ready(self) -> None:
        from django.urls import reverse

        from erp.accounts.permissions import Permission
        from erp.attention import register
        from erp.runtime import storage
        from erp.runtime.backup.nightly import BACKUP_FAILED

        register.register(
            register.ItemsSource(
                severities={storage.KEY: register.Severity.DANGER},
                items=storage.items,
                watched=lambda user: (),
                permission=Permission.VIEW,
            )
        )
        register.register(
            register.ConditionSource(
                key=BACKUP_FAILED,
                label="Cópia de segurança",
                leads_to=lambda row: register.Repair(
                    "ver a situação do sistema", reverse("web:readyz"), True
                ),
                severity=register.Severity.DANGER,
                permission=Permission.MANAGE,
            )
        )
