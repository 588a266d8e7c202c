import django.db.models.functions.datetime
from django.db import migrations, models


def lanes_wait_for_their_store(apps, schema_editor):
    """What the application's settings paused for one store: its connection counts now. Found in order, it
    resumes the lane with the pushes that were blocked for it."""
    apps.get_model("outbox", "Lane").objects.filter(paused_mode="config").update(paused_mode="credential")


def grants_forget(apps, schema_editor):
    """The older version knows no call that was not granted: it asks again."""
    apps.get_model("outbox", "PushJob").objects.filter(waiting_for="grant").update(waiting_for="lane")
    gates = apps.get_model("outbox", "RateGate").objects.filter(resume_reason="grant")
    gates.update(resume_at=None, resume_reason="")


class Migration(migrations.Migration):
    dependencies = [
        ("outbox", "0003_clear_known_kinds"),
    ]

    operations = [
        migrations.RunPython(lanes_wait_for_their_store, migrations.RunPython.noop),
        migrations.CreateModel(
            name="ChannelPause",
            fields=[
                ("channel", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=500)),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("probe_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="lane",
            name="lane_pause_has_time",
        ),
        migrations.RemoveConstraint(
            model_name="pushjob",
            name="pushjob_known_wait",
        ),
        migrations.RemoveConstraint(
            model_name="rategate",
            name="rategate_hold_has_reason",
        ),
        migrations.AddField(
            model_name="lane",
            name="rest_reason",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AlterField(
            model_name="lane",
            name="paused_mode",
            field=models.CharField(
                blank=True, choices=[("credential", "Autorização da loja necessária")], max_length=10
            ),
        ),
        migrations.AlterField(
            model_name="pushjob",
            name="waiting_for",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Pronto para enviar"),
                    ("window", "Juntando alterações"),
                    ("retry", "Nova tentativa agendada"),
                    ("limit", "Aguardando o limite de chamadas"),
                    ("quota", "Aguardando a cota diária"),
                    ("check", "Aguardando a plataforma"),
                    ("lane", "Envios da loja pausados"),
                    ("grant", "Permissão não concedida"),
                ],
                max_length=6,
            ),
        ),
        migrations.AlterField(
            model_name="rategate",
            name="resume_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Pronto para enviar"),
                    ("window", "Juntando alterações"),
                    ("retry", "Nova tentativa agendada"),
                    ("limit", "Aguardando o limite de chamadas"),
                    ("quota", "Aguardando a cota diária"),
                    ("check", "Aguardando a plataforma"),
                    ("lane", "Envios da loja pausados"),
                    ("grant", "Permissão não concedida"),
                ],
                max_length=6,
            ),
        ),
        migrations.AddConstraint(
            model_name="lane",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paused_at__isnull", True), ("paused_mode", "")),
                    models.Q(("paused_at__isnull", False), ("paused_mode__in", ["credential"])),
                    _connector="OR",
                ),
                name="lane_pause_has_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="pushjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("waiting_for__in", ["", "window", "retry", "limit", "quota", "check", "lane", "grant"])
                ),
                name="pushjob_known_wait",
            ),
        ),
        migrations.AddConstraint(
            model_name="rategate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("resume_at__isnull", True), ("resume_reason", "")),
                    models.Q(
                        ("resume_at__isnull", False), ("resume_reason__in", ["limit", "quota", "grant"])
                    ),
                    _connector="OR",
                ),
                name="rategate_hold_has_reason",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, grants_forget),
    ]
