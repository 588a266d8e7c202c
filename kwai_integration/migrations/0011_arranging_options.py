from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("kwai_integration", "0010_refunds_watermark"),
        ("stock", "0003_rounds"),
    ]

    operations = [
        migrations.AddField(
            model_name="kwaisettings",
            name="arrange_handover",
            field=models.CharField(
                choices=[
                    ("PICKUP", "Coleta no endereço da loja"),
                    ("DROP_OFF", "Entrega em um ponto de postagem"),
                ],
                default="PICKUP",
                max_length=8,
                verbose_name="entrega ao transportador",
            ),
        ),
        migrations.AddField(
            model_name="kwaisettings",
            name="auto_arrange",
            field=models.BooleanField(default=False, verbose_name="programar envio quando a NF-e for aceita"),
        ),
        migrations.AddField(
            model_name="kwaisettings",
            name="label_format",
            field=models.CharField(
                choices=[
                    ("PDF", "PDF (impressora comum ou térmica)"),
                    ("ZPL", "ZPL (impressora térmica Zebra)"),
                ],
                default="PDF",
                max_length=3,
                verbose_name="formato da etiqueta",
            ),
        ),
        migrations.AddConstraint(
            model_name="kwaisettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("unknown_shipping__in", ["channel", "seller", "unknown"])),
                name="kwai_settings_known_shipper",
            ),
        ),
        migrations.AddConstraint(
            model_name="kwaisettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("arrange_handover__in", ["PICKUP", "DROP_OFF"])),
                name="kwai_settings_known_handover",
            ),
        ),
        migrations.AddConstraint(
            model_name="kwaisettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("label_format__in", ["PDF", "ZPL"])), name="kwai_settings_known_label"
            ),
        ),
    ]
