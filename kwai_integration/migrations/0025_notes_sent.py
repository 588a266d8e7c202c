"""What Kwai has received and judged of the notes there are, some thousands at a time, each in a transaction of
its own: nobody waits for long, and one that was killed half way goes on."""

from django.db import migrations
from django.db.models import CharField, F, Max, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat

SLICE = 5_000
SEND_INVOICE = "kwai.send_invoice"
VERDICTS = ("2", "3")


def sent_fill(apps, schema_editor):
    Invoice = apps.get_model("invoices", "Invoice")
    PushJob = apps.get_model("outbox", "PushJob")
    Order = apps.get_model("sales", "Order")
    KwaiOrder = apps.get_model("kwai_integration", "KwaiOrder")
    order = Order.objects.filter(pk=OuterRef(OuterRef("order")))
    key = Concat(
        Cast(OuterRef("store_id"), CharField()),
        Value(f":{SEND_INVOICE}:"),
        Subquery(order.values("external_id")),
        Value(":"),
        OuterRef("access_key"),
        output_field=CharField(),
    )
    sent_at = PushJob.objects.filter(idempotency_key=key, state="done").values("finished_at")
    judged = KwaiOrder.objects.filter(order__isnull=False, invoice_status__in=VERDICTS).values("order")
    last = Invoice.objects.aggregate(last=Max("pk"))["last"] or 0
    for begin in range(0, last, SLICE):
        rows = Invoice.objects.filter(pk__gt=begin, pk__lte=begin + SLICE, order__isnull=False)
        rows.update(sent_at=Subquery(sent_at))
        rows.filter(order__in=judged, sent_at__isnull=False).update(judged_at=F("sent_at"))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("kwai_integration", "0024_refused_notes"),
        ("invoices", "0012_waiting_indexes"),
        ("outbox", "0010_settings_written_at"),
    ]

    operations = [migrations.RunPython(sent_fill, migrations.RunPython.noop)]
