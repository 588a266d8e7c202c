from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("outbox", "0004_channel_pause"),
    ]

    operations = [
        migrations.AddField(
            model_name="firstpush",
            name="seen",
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
