from django.db import migrations, models

from apps.protocols.labels import body_part_choices, contrast_choices


class Migration(migrations.Migration):
    dependencies = (("protocols", "0001_initial"),)
    operations = (
        migrations.AlterField(
            "requiredseries", "body_part", models.CharField(choices=body_part_choices, max_length=40)
        ),
        migrations.AlterField("requiredseries", "contrast", models.CharField(choices=contrast_choices, max_length=40)),
    )
