"""Any part of a name and of a marketplace number is found by an index."""

from django.db import migrations, models
from django.db.models import Q

from erp.indexes import AddIndexLive
from erp.search.indexes import AddSearchIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sales", "0009_settings_written_at"), ("search", "0001_fold")]

    operations = [
        AddSearchIndex("order", "order_search", ["external_id"]),
        AddSearchIndex("buyer", "buyer_search", ["name"]),
        AddIndexLive(
            model_name="buyer",
            index=models.Index(fields=["tax_id"], condition=~Q(tax_id=""), name="buyer_tax_id"),
        ),
    ]
