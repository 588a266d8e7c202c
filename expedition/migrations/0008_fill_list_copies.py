"""Deadline and forma de envio of the shipments there are, some thousands at a time, each in a transaction of
its own: nobody waits for long, and one that was killed half way goes on."""

from django.db import migrations
from django.db.models import Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

SLICE = 5_000


def copies_fill(apps, schema_editor):
    Shipment = apps.get_model("expedition", "Shipment")
    order = apps.get_model("sales", "Order").objects.filter(pk=OuterRef("order"))
    invoice = apps.get_model("invoices", "Invoice").objects.filter(pk=OuterRef("invoice"))
    method = Coalesce(
        "shipping_method",
        Subquery(invoice.values("shipping_method")),
        Subquery(order.values("shipping_method")),
    )
    last = Shipment.objects.aggregate(last=Max("pk"))["last"] or 0
    for begin in range(0, last, SLICE):
        rows = Shipment.objects.filter(pk__gt=begin, pk__lte=begin + SLICE)
        rows.update(ship_by_at=Subquery(order.values("ship_by_at")), method_shown=method)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("expedition", "0007_list_copies"), ("invoices", "0010_search")]

    operations = [migrations.RunPython(copies_fill, migrations.RunPython.noop)]
