"""Any part of number, buyer and items of an order is found by one index."""

from django.db import migrations

from erp.search.indexes import AddSearchIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("kwai_integration", "0021_settings_written_at"), ("search", "0001_fold")]

    operations = [AddSearchIndex("kwaiorder", "kwai_order_search", ["external_id", "buyer_name", "summary"])]
