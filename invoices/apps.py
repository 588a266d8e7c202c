from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "invoices"
    verbose_name = "Notas fiscais"

    def ready(self) -> None:
        from erp.accounts.issuers import issuer_choice_register
        from invoices import shell

        issuer_choice_register("imported", "Importar XML autorizado, emitido em outro sistema")
        shell.register()
