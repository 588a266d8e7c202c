"""Adding an index to a table that is full and in use."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations import AddIndex


class AddIndexLive(AddIndex):
    """`AddIndex` that keeps nobody from writing: on PostgreSQL the index is built concurrently.

    The migration says `atomic = False`. One that was killed half way leaves an invalid index of the same
    name; it is dropped before the next try. SQLite builds in one go, which takes a second per million rows.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, concurrently=True)
            schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, concurrently=True)
