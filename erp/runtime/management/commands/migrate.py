"""`manage.py migrate`: Django's own, but a migration and the record of it are one transaction.

Django 5.2 writes the record after the commit where a migration leaves statements for its end, as each that
makes a table with a foreign key does. Killed in between, the next start would make the table again, fail, and
go on failing.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor


class RecordingExecutor(MigrationExecutor):
    def apply_migration(
        self, state: Any, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> Any:
        if fake or fake_initial:
            return super().apply_migration(state, migration, fake=fake, fake_initial=fake_initial)
        if self.progress_callback:
            self.progress_callback("apply_start", migration, fake)
        # What is not atomic builds indexes without keeping PostgreSQL's writers waiting, and may be repeated.
        # SQLite knows no such way, and repeats nothing.
        atomic = migration.atomic or self.connection.vendor == "sqlite"
        with self.connection.schema_editor(atomic=atomic) as schema_editor:
            state = migration.apply(state, schema_editor)
            for statement in schema_editor.deferred_sql:
                schema_editor.execute(statement, None)
            schema_editor.deferred_sql.clear()
            self.record_migration(migration)  # type: ignore[call-arg, arg-type] # the stubs know an old form
        if self.progress_callback:
            self.progress_callback("apply_success", migration, fake)
        return state


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        # It has no other way in.
        setattr(migrate, "MigrationExecutor", RecordingExecutor)  # noqa: B010 - no name the stubs know
        super().handle(*args, **options)
