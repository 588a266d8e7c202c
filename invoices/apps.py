from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "invoices"
    verbose_name = "Notas fiscais"

    def ready(self) -> None:
        from invoices import shell

        shell.register()
