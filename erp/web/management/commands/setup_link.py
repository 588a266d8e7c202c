"""`manage.py setup_link`: the one-time address of the first start, where nobody sees a terminal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from erp.accounts.setup import setup_is_open, setup_url


class Command(BaseCommand):
    help = "Mostra o endereço de uso único que cadastra a empresa e o primeiro administrador."

    def handle(self, *args: Any, **options: Any) -> None:
        if setup_is_open():
            self.stdout.write(setup_url())
        else:
            self.stdout.write("O cadastro inicial já foi feito: entre com um usuário existente.")
