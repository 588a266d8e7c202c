"""Answers in a table of their own. What lies in the rows of orders stays there: `inbound.moving` takes it over
in slices while the ERP runs, and until then both places are read."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


def walk_begin(apps, schema_editor):
    if apps.get_model("kwai_integration", "KwaiOrder").objects.exists():
        apps.get_model("kwai_integration", "AnswerMove").objects.create()


def answers_return(apps, schema_editor):
    """Back to where the former version reads them."""
    schema_editor.execute(
        "UPDATE kwai_integration_kwaiorder SET "
        "payload = (SELECT text FROM kwai_integration_kwaiorderanswer WHERE kwai_order_id = id), "
        "payload_bytes = (SELECT raw FROM kwai_integration_kwaiorderanswer WHERE kwai_order_id = id), "
        "payload_truncated = (SELECT truncated FROM kwai_integration_kwaiorderanswer WHERE kwai_order_id = id) "
        "WHERE payload = '' AND payload_bytes IS NULL AND id IN (SELECT kwai_order_id FROM kwai_integration_kwaiorderanswer)"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("kwai_integration", "0022_search"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnswerMove",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("up_to", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="KwaiOrderAnswer",
            fields=[
                (
                    "kwai_order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="answer",
                        serialize=False,
                        to="kwai_integration.kwaiorder",
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("raw", models.BinaryField(null=True)),
                ("truncated", models.BooleanField(default=False)),
                ("stored_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["stored_at"], name="kwai_answer_age")],
            },
        ),
        migrations.CreateModel(
            name="ReprocessRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("situations", models.JSONField(default=list)),
                ("shippings", models.JSONField(default=list)),
                ("payments", models.JSONField(default=list)),
                ("up_to", models.BigIntegerField(default=0)),
                ("expected", models.PositiveIntegerField(default=0)),
                ("marked", models.PositiveIntegerField(default=0)),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reprocess_requests",
                        to="accounts.store",
                    ),
                ),
            ],
        ),
        migrations.RunPython(walk_begin, answers_return),
    ]
