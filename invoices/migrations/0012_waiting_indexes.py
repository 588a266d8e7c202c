"""The few notes that are to be sent, or judged, or of the other environment, are found among millions."""

from django.db import migrations, models
from django.db.models import Q

from erp.indexes import AddIndexLive


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("invoices", "0011_sent_at")]

    operations = [
        AddIndexLive(
            "invoice",
            models.Index(
                fields=["company", "environment", "-issued_at", "-id"], name="invoice_environment_list"
            ),
        ),
        AddIndexLive(
            "invoice",
            models.Index(
                fields=["company", "-issued_at", "-id"],
                condition=Q(sent_at__isnull=True, order__isnull=False),
                name="invoice_unsent",
            ),
        ),
        AddIndexLive(
            "invoice",
            models.Index(
                fields=["company", "-issued_at", "-id"],
                condition=Q(sent_at__isnull=False, judged_at__isnull=True),
                name="invoice_unjudged",
            ),
        ),
    ]
