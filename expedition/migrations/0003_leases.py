"""One lease for every machine: the column of the token gets its common name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("expedition", "0002_channel_codes_and_labels")]

    operations = [
        migrations.RemoveConstraint("ShippingLabel", "label_lease_has_end"),
        migrations.RenameField("ShippingLabel", "lease", "lease_token"),
        migrations.AddConstraint(
            "ShippingLabel",
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="label_lease_has_end",
            ),
        ),
    ]
