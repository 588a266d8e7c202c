"""The function `erp_fold`, and the extension whose indexes it feeds."""

from django.db import migrations

from erp.search.folding import FUNCTION
from erp.search.indexes import extension_create


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION)
        extension_create(schema_editor.connection)


def remove(apps, schema_editor):
    """The extension stays: it may have been here before us."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS erp_fold(text)")


class Migration(migrations.Migration):
    dependencies = []

    operations = [migrations.RunPython(make, remove)]
