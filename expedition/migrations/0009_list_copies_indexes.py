"""Indexes for the orders and filters of the list of the expedição."""

from django.db import migrations, models
from django.db.models import Q

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("expedition", "0008_fill_list_copies")]

    operations = [
        AddIndexLive(
            "shipment", models.Index(fields=["company", "ship_by_at", "id"], name="shipment_deadline")
        ),
        AddIndexLive(
            "shipment",
            models.Index(
                fields=["company", "ship_by_at", "id"],
                condition=Q(status="pending"),
                name="shipment_pending_deadline",
            ),
        ),
        AddIndexLive(
            "shipment",
            models.Index(
                fields=["company", "number"], condition=Q(status="pending"), name="shipment_pending_number"
            ),
        ),
        AddIndexLive("shipment", models.Index(fields=["method_shown", "-id"], name="shipment_method")),
    ]
