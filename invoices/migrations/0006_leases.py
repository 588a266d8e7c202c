"""One lease for every machine: the column of the token gets its common name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0005_wanted_place")]

    operations = [
        migrations.RenameField("InvoiceIssue", "lease", "lease_token"),
        migrations.AddConstraint(
            "InvoiceIssue",
            models.CheckConstraint(
                condition=models.Q(lease_token__isnull=True, lease_until__isnull=True)
                | models.Q(lease_token__isnull=False, lease_until__isnull=False),
                name="issue_lease_is_whole",
            ),
        ),
    ]
