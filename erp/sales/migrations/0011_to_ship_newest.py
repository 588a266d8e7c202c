"""What is to be shipped, in the order of the list, to its very end."""

from django.db import migrations, models

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sales", "0010_search")]

    operations = [
        AddIndexLive(
            model_name="order",
            index=models.Index(
                fields=["company", "-placed_at", "-id"],
                condition=models.Q(status__in=("approved", "preparing", "invoiced", "ready_to_ship")),
                name="order_to_ship_newest",
            ),
        ),
    ]
