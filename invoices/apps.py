from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "invoices"
    verbose_name = "Notas fiscais"

    def ready(self) -> None:
        from django.conf import settings

        from invoices import shell, uploads
        from invoices.issuing.issuers import ImportedIssuer, issuer_register

        shell.register()
        uploads.kind_register()
        issuer_register(ImportedIssuer())
        if settings.ERP_DEMO:
            from invoices.issuing.demonstration.issuer import DemonstrationIssuer

            issuer_register(DemonstrationIssuer())
