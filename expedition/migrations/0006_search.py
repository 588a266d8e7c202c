"""Any part of a tracking code is found by an index."""

from django.db import migrations

from erp.search.indexes import AddSearchIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("expedition", "0005_written_indexes"), ("search", "0001_fold")]

    operations = [AddSearchIndex("package", "package_search", ["tracking_code"])]
