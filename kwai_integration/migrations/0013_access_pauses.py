import django.db.models.functions.datetime
from django.db import migrations, models


def applications_refused_end_no_consent(apps, schema_editor):
    """A refused application ended every connection: those that still hold a pair go on with it."""
    refused = apps.get_model("kwai_integration", "KwaiAccount").objects.filter(health="misconfigured")
    refused.exclude(merchant_id="").exclude(access_token_stored="").update(health="ok")
    refused.update(health="expired")


def merchants_forget(apps, schema_editor):
    accounts = apps.get_model("kwai_integration", "KwaiAccount").objects
    accounts.filter(health="unrecognised").update(health="expired")


class Migration(migrations.Migration):
    dependencies = [
        ("kwai_integration", "0012_orders_say_who_carries"),
    ]

    operations = [
        migrations.CreateModel(
            name="OAuthPause",
            fields=[
                ("app_key", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("secret_digest", models.CharField(max_length=64)),
                ("reason", models.CharField(max_length=500)),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("failures", models.PositiveSmallIntegerField(default=1)),
                ("retry_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="kwaiaccount",
            name="refresh_failures",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="kwaiaccount",
            name="refresh_problem",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="kwaiaccount",
            name="refresh_retry_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="kwaiaccount",
            name="health",
            field=models.CharField(
                choices=[
                    ("ok", "Conectada"),
                    ("disconnected", "Não conectada"),
                    ("revoked", "Consentimento revogado"),
                    ("expired", "Autorização expirada"),
                    ("unrecognised", "Conta não reconhecida pelo Kwai"),
                ],
                default="disconnected",
                max_length=15,
            ),
        ),
        migrations.RunPython(applications_refused_end_no_consent, merchants_forget),
    ]
