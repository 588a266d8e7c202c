"""When a marketplace received a note and when it judged it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0010_search")]

    operations = [
        migrations.AddField("invoice", "sent_at", models.DateTimeField(null=True)),
        migrations.AddField("invoice", "judged_at", models.DateTimeField(null=True)),
    ]
