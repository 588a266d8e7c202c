"""Notes that Kwai refused are found without reading those that it accepted."""

from django.db import migrations, models
from django.db.models import Q

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("kwai_integration", "0023_order_answer")]

    operations = [
        AddIndexLive(
            "kwaiorder",
            models.Index(fields=["order"], condition=Q(invoice_status="3"), name="kwai_order_note_refused"),
        ),
    ]
