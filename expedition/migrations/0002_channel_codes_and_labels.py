import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_fiscal_data"),
        ("expedition", "0001_initial"),
        ("invoices", "0005_wanted_place"),
        ("sales", "0005_marketplace_shipping_kind"),
    ]

    operations = [
        migrations.CreateModel(
            name="ShippingLabel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=60)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("wanted", "Etiqueta a buscar"),
                            ("ready", "Etiqueta pronta"),
                            ("failed", "Etiqueta não obtida"),
                            ("erased", "Etiqueta apagada"),
                        ],
                        default="wanted",
                        max_length=7,
                    ),
                ),
                ("kind", models.CharField(blank=True, max_length=3)),
                ("file_name", models.CharField(blank=True, max_length=60)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("wanted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("fetched_at", models.DateTimeField(null=True)),
                ("printed_at", models.DateTimeField(null=True)),
                ("erased_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.AddField(
            model_name="shipment",
            name="channel_carrier_code",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="shipment",
            name="channel_carrier_name",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="shipment",
            name="channel_number",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="shipment",
            name="former_code",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="shipment",
            name="former_code_is",
            field=models.CharField(
                blank=True,
                choices=[
                    ("replaced", "Digitado aqui e substituído pelo número do e-commerce"),
                    ("reissued", "Número anterior do e-commerce"),
                    ("sent", "Código que o e-commerce recebeu"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="shipment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("former_code", ""), ("former_code_is", "")),
                    models.Q(
                        models.Q(("former_code", ""), _negated=True),
                        ("former_code_is__in", ["replaced", "reissued", "sent"]),
                    ),
                    _connector="OR",
                ),
                name="shipment_former_code_is_known",
            ),
        ),
        migrations.AddField(
            model_name="shippinglabel",
            name="shipment",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="label", to="expedition.shipment"
            ),
        ),
        migrations.AddIndex(
            model_name="shippinglabel",
            index=models.Index(
                condition=models.Q(("state", "wanted")), fields=["not_before"], name="label_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="shippinglabel",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["wanted", "ready", "failed", "erased"])),
                name="label_known_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="shippinglabel",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["", "pdf", "zpl"])), name="label_known_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="shippinglabel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "ready"), _negated=True),
                    models.Q(
                        models.Q(("file_name", ""), _negated=True),
                        models.Q(("kind", ""), _negated=True),
                        models.Q(("sha256", ""), _negated=True),
                        ("fetched_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="label_ready_has_file",
            ),
        ),
        migrations.AddConstraint(
            model_name="shippinglabel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "erased"), _negated=True),
                    models.Q(("erased_at__isnull", False), ("file_name", "")),
                    _connector="OR",
                ),
                name="label_erased_has_none",
            ),
        ),
        migrations.AddConstraint(
            model_name="shippinglabel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lease__isnull", True), ("lease_until__isnull", True)),
                    models.Q(("lease__isnull", False), ("lease_until__isnull", False)),
                    _connector="OR",
                ),
                name="label_lease_has_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="shippinglabel",
            constraint=models.CheckConstraint(
                condition=models.Q(("number", ""), _negated=True), name="label_names_number"
            ),
        ),
    ]
