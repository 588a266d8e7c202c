"""The kind of a *forma de envio* that a marketplace carries itself is no longer named after one of them."""

from django.db import migrations, models

KINDS = ["correios", "carrier", "marketplace", "other"]
CONSTRAINT = "shipping_method_known_kind"


def rename(before, after):
    def run(apps, schema_editor):
        apps.get_model("sales", "ShippingMethod").objects.filter(kind=before).update(kind=after)

    return run


class Migration(migrations.Migration):
    dependencies = [("sales", "0004_edition_two")]
    operations = [
        migrations.RemoveConstraint("shippingmethod", CONSTRAINT),
        migrations.AlterField(
            "shippingmethod",
            "kind",
            models.CharField(
                choices=[
                    ("correios", "Correios"),
                    ("carrier", "Transportadora"),
                    ("marketplace", "Kwai Envios"),
                    ("other", "Outra"),
                ],
                max_length=11,
                verbose_name="tipo",
            ),
        ),
        migrations.RunPython(rename("kwai", "marketplace"), rename("marketplace", "kwai")),
        migrations.AddConstraint(
            "shippingmethod", models.CheckConstraint(condition=models.Q(kind__in=KINDS), name=CONSTRAINT)
        ),
    ]
