from django.db import migrations, models

from apps.audit.triggers import still_append_only


class Migration(migrations.Migration):
    dependencies = (("reviews", "0002_append_only"),)
    operations = still_append_only(
        "reviews_labelcorrection",
        migrations.AlterField(
            "labelcorrection",
            "ensemble_label",
            models.CharField(blank=True, help_text="Empty when it abstained.", max_length=40),
        ),
        migrations.AlterField("labelcorrection", "label", models.CharField(max_length=40)),
    )
