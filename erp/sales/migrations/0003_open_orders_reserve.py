"""Orders that were open before there was stock wait for goods like those that arrive now: the first count
of a SKU serves them, oldest first."""

from django.db import migrations

# Situations before the moment at which goods leave by default (an authorised note).
OPEN = ("incomplete", "open", "approved", "preparing")


def reserve(apps, schema_editor):
    line, warehouse = apps.get_model("sales", "OrderLine"), apps.get_model("stock", "Warehouse")
    reservation = apps.get_model("stock", "StockReservation")
    places = dict(warehouse.objects.filter(is_default=True).values_list("company_id", "pk"))
    left = apps.get_model("stock", "StockMovement").objects.filter(order_line_id__isnull=False)
    lines = (
        line.objects.filter(order__status__in=OPEN)
        .exclude(pk__in=reservation.objects.values("order_line_id"))
        .exclude(pk__in=left.values("order_line_id"))
        .select_related("order")
    )
    reservation.objects.bulk_create(
        (
            reservation(
                order_line_id=each.pk,
                sku_id=each.sku_id,
                warehouse_id=places[each.order.company_id],
                wanted=each.quantity,
            )
            for each in lines.order_by("order__placed_at", "pk")
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [("sales", "0002_address_city_code"), ("stock", "0002_default_warehouses")]
    operations = [migrations.RunPython(reserve, migrations.RunPython.noop)]
