"""Companies that were there before stock get the default warehouse every new one starts with."""

from django.db import migrations


def create(apps, schema_editor):
    company, warehouse = apps.get_model("accounts", "Company"), apps.get_model("stock", "Warehouse")
    settled = warehouse.objects.filter(is_default=True).values("company_id")
    warehouse.objects.bulk_create(
        warehouse(company_id=pk, name="Geral", is_default=True)
        for pk in company.objects.exclude(pk__in=settled).values_list("pk", flat=True)
    )


class Migration(migrations.Migration):
    dependencies = [("stock", "0001_initial")]
    # Going back leaves the rows: forward again finds them, and 0001 takes the table with them.
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
