"""`manage.py rotate_keys`: bring every stored secret under the newest key of FIELD_KEYS."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model, QuerySet

from erp.encryption import Secret, UnreadableSecret, decrypt, encrypt, newest_key_id, secrets_of

BATCH = 200
# A token refresh that writes between our read and our write has the newest key already.
RACES = 5


class Command(BaseCommand):
    help = (
        "Cifra de novo, com a chave mais nova de FIELD_KEYS, todos os segredos guardados. Pode ser "
        "interrompido e executado de novo, com o ERP em uso."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="só conta o que ainda depende de cada chave antiga"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        columns = [(model, secret) for model in apps.get_models() for secret in secrets_of(model)]
        if not options["check"]:
            done = sum(_column_rotate(model, secret) for model, secret in columns)
            self.stdout.write(f"{done} segredos cifrados de novo com a chave {newest_key_id()!r}.")
        left = sum((_keys_left(model, secret) for model, secret in columns), Counter[str]())
        for key_id, count in sorted(left.items()):
            self.stdout.write(f"chave {key_id!r}: {count} segredos")
        if left:
            raise CommandError(
                f"Restam {left.total()} segredos em chaves antigas. Não retire nenhuma chave de FIELD_KEYS"
                + ("." if options["check"] else ": os que não abriram precisam da chave que os cifrou.")
            )
        self.stdout.write("Restam 0 segredos em chaves antigas: elas podem sair de FIELD_KEYS.")


def _column_rotate(model: type[Model], secret: Secret) -> int:
    return sum(_row_rotate(model, secret, pk) for pk in _old_rows(model, secret))


def _old_rows(model: type[Model], secret: Secret) -> Iterator[Any]:
    """Keys of the rows under older keys, in batches by primary key, so that a second run goes on where the
    first was stopped."""
    last: Any = None
    while True:
        rows = _old(model, secret).order_by("pk")
        pks = list((rows if last is None else rows.filter(pk__gt=last)).values_list("pk", flat=True)[:BATCH])
        if not pks:
            return
        yield from pks
        last = pks[-1]


def _old(model: type[Model], secret: Secret) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._default_manager.exclude(**{secret.column: ""})
    return rows.exclude(**{f"{secret.column}__startswith": f"{newest_key_id()}:"})


def _row_rotate(model: type[Model], secret: Secret, pk: Any) -> bool:
    """Rewrite one secret where it stands, unless somebody wrote another meanwhile."""
    for _ in range(RACES):
        stored = _old(model, secret).filter(pk=pk).values_list(secret.column, flat=True).first()
        if stored is None:
            return False
        place = secret.place(pk)
        try:
            fresh = encrypt(decrypt(stored, place=place), place=place)
        except UnreadableSecret:
            return False
        if model._default_manager.filter(pk=pk, **{secret.column: stored}).update(**{secret.column: fresh}):
            return True
    return False


def _keys_left(model: type[Model], secret: Secret) -> Counter[str]:
    stored = _old(model, secret).values_list(secret.column, flat=True)
    return Counter(value.partition(":")[0] for value in stored.iterator())
