"""The words of the engine: a store's queue, a limit. Names only; no row changes."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_fiscal_data"), ("outbox", "0005_first_push_seen")]

    operations = [
        migrations.RemoveConstraint("Lane", "lane_pause_has_time"),
        migrations.RemoveConstraint("Lane", "lane_breaker_has_time"),
        migrations.RemoveConstraint("RateGate", "rategate_unique"),
        migrations.RemoveConstraint("RateGate", "rategate_counts_add_up"),
        migrations.RemoveConstraint("RateGate", "rategate_hold_has_reason"),
        migrations.RenameModel("Lane", "StoreQueue"),
        migrations.RenameModel("RateGate", "RateLimit"),
        migrations.AlterField(
            "StoreQueue",
            "store",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="push_queue", to="accounts.store"
            ),
        ),
        migrations.AddConstraint(
            "StoreQueue",
            models.CheckConstraint(
                condition=Q(paused_mode="", paused_at__isnull=True)
                | Q(paused_mode__in=["credential"], paused_at__isnull=False),
                name="storequeue_pause_has_time",
            ),
        ),
        migrations.AddConstraint(
            "StoreQueue",
            models.CheckConstraint(
                condition=Q(breaker_state="closed", reopen_at__isnull=True)
                | Q(
                    breaker_state__in=["open", "half_open"], opened_at__isnull=False, reopen_at__isnull=False
                ),
                name="storequeue_breaker_has_time",
            ),
        ),
        migrations.AddConstraint(
            "RateLimit", models.UniqueConstraint(fields=("scope", "call"), name="ratelimit_unique")
        ),
        migrations.AddConstraint(
            "RateLimit",
            models.CheckConstraint(
                condition=Q(used__gte=F("push_used") + F("import_used")), name="ratelimit_counts_add_up"
            ),
        ),
        migrations.AddConstraint(
            "RateLimit",
            models.CheckConstraint(
                condition=Q(resume_at__isnull=True, resume_reason="")
                | Q(resume_at__isnull=False, resume_reason__in=["limit", "quota", "grant"]),
                name="ratelimit_hold_has_reason",
            ),
        ),
    ]
