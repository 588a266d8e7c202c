"""Indexes for what is newer than an open page, and for the orders of lists."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("sales", "0007_written_at"),
    ]

    operations = [
        AddIndexLive(
            model_name="order",
            index=models.Index(fields=["company", "status", "placed_at", "id"], name="order_status_list"),
        ),
        AddIndexLive(
            model_name="order",
            index=models.Index(fields=["company", "ship_by_at", "id"], name="order_deadline"),
        ),
        AddIndexLive(
            model_name="order",
            index=models.Index(
                condition=models.Q(("status__in", ("approved", "preparing", "invoiced", "ready_to_ship"))),
                fields=["company", "ship_by_at", "id"],
                name="order_to_ship_deadline",
            ),
        ),
        AddIndexLive(
            model_name="order",
            index=models.Index(fields=["company", "total", "id"], name="order_total"),
        ),
        AddIndexLive(
            model_name="order",
            index=models.Index(fields=["-updated_at"], name="order_written"),
        ),
        migrations.RemoveIndex(
            model_name="order",
            name="order_list",
        ),
    ]
