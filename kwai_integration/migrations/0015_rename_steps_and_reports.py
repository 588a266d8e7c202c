"""The words of the integration: a step of the wizard, what Kwai reported. Names only; no row changes."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

STEPS = ["connection", "products", "orders", "mappings", "review"]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_fiscal_data"), ("kwai_integration", "0014_refunds")]

    operations = [
        migrations.RenameField("KwaiRefund", "told_at", "reported_at"),
        migrations.RenameField("KwaiOrder", "refund_told", "refund_reported"),
        migrations.RemoveConstraint("KwaiSettings", "kwai_settings_known_stage"),
        migrations.RenameField("KwaiSettings", "setup_stage", "setup_step"),
        migrations.AddConstraint(
            "KwaiSettings",
            models.CheckConstraint(condition=Q(setup_step__in=STEPS), name="kwai_settings_known_step"),
        ),
        migrations.RemoveConstraint("SetupStage", "setup_stage_unique"),
        migrations.RemoveConstraint("SetupStage", "setup_stage_known"),
        migrations.RemoveConstraint("SetupStage", "setup_stage_saved_by_somebody"),
        migrations.RenameModel("SetupStage", "SetupStep"),
        migrations.RenameField("SetupStep", "stage", "step"),
        migrations.AlterField(
            "SetupStep",
            "store",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="setup_steps", to="accounts.store"
            ),
        ),
        migrations.AddConstraint(
            "SetupStep", models.UniqueConstraint(fields=("store", "step"), name="setup_step_unique")
        ),
        migrations.AddConstraint(
            "SetupStep", models.CheckConstraint(condition=Q(step__in=STEPS), name="setup_step_known")
        ),
        migrations.AddConstraint(
            "SetupStep",
            models.CheckConstraint(
                condition=Q(version=0) | (Q(saved_at__isnull=False) & Q(saved_by__isnull=False)),
                name="setup_step_saved_by_somebody",
            ),
        ),
    ]
