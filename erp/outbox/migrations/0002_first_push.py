from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("outbox", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FirstPush",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=40)),
                ("released_at", models.DateTimeField(null=True)),
                ("check_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("check_lease_until", models.DateTimeField(null=True)),
                ("checks", models.PositiveSmallIntegerField(default=0)),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[("confirmed", "Confirmado"), ("different", "Diferente")],
                        max_length=9,
                    ),
                ),
                ("compared", models.JSONField(default=list)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("cleared_at", models.DateTimeField(null=True)),
                (
                    "cleared_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="outbox.pushjob",
                    ),
                ),
                (
                    "released_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="first_pushes",
                        to="accounts.store",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("store", "kind"), name="firstpush_once_per_kind"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("job__isnull", True), ("released_at__isnull", False), _connector="OR"
                        ),
                        name="firstpush_release_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["", "confirmed", "different"])),
                        name="firstpush_known_verdict",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("verdict", "confirmed"), _negated=True),
                            ("cleared_at__isnull", False),
                            _connector="OR",
                        ),
                        name="firstpush_confirmed_is_cleared",
                    ),
                ],
            },
        ),
    ]
