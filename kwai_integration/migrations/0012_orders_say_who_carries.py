"""Orders that are here say who carries them, and codes of parcels that Kwai carries are not sent any more.

What waited or was stopped for such an order could only fail: the platform takes no code for it. Kwai's numbers
reach the expedição when the stored answers are judged again (`inbound.judging`).
"""

from django.db import migrations
from django.db.models.functions import Now

SHIPPERS = {"KWAI_ENVIOS": "channel", "SELLER": "seller"}
REASON = "O Kwai Envios cuida do rastreio: nada a enviar."


def say_who_carries(apps, schema_editor):
    orders, answers = apps.get_model("sales", "Order"), apps.get_model("kwai_integration", "KwaiOrder")
    for shipping_type, shipped_by in SHIPPERS.items():
        own = answers.objects.filter(shipping_type=shipping_type, order__isnull=False)
        orders.objects.filter(pk__in=own.values("order_id")).update(shipped_by=shipped_by)
    carried = answers.objects.filter(order__shipped_by="channel")
    for store_id in carried.values_list("store_id", flat=True).distinct().order_by("store_id"):
        jobs = apps.get_model("outbox", "PushJob").objects.filter(
            store_id=store_id,
            kind="kwai.send_tracking",
            state__in=["pending", "blocked"],
            subject__in=carried.filter(store_id=store_id).values("external_id"),
        )
        jobs.update(
            state="cancelled",
            failure_mode="",
            waiting_for="",
            last_error=REASON,
            finished_at=Now(),
            updated_at=Now(),
        )


class Migration(migrations.Migration):
    dependencies = [
        ("kwai_integration", "0011_arranging_options"),
        ("expedition", "0002_channel_codes_and_labels"),
        ("outbox", "0001_initial"),
        ("sales", "0005_marketplace_shipping_kind"),
    ]
    operations = [migrations.RunPython(say_who_carries, migrations.RunPython.noop)]
