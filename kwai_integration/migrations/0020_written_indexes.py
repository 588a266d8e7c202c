"""Indexes for what is newer than an open page, and for the orders of lists."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("kwai_integration", "0019_written_at"),
    ]

    operations = [
        AddIndexLive(
            model_name="kwaiorder",
            index=models.Index(fields=["ship_by_at", "id"], name="kwai_order_deadline"),
        ),
        AddIndexLive(
            model_name="kwaiorder",
            index=models.Index(fields=["total", "id"], name="kwai_order_total"),
        ),
        AddIndexLive(
            model_name="kwaiorder",
            index=models.Index(fields=["-updated_at"], name="kwai_order_written"),
        ),
        AddIndexLive(
            model_name="kwaiorder",
            index=models.Index(fields=["state", "placed_at", "id"], name="kwai_order_by_state"),
        ),
        migrations.RemoveIndex(model_name="kwaiorder", name="kwai_order_state_newest"),
    ]
