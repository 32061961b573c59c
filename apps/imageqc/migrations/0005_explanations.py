from django.db import migrations, models

from apps.audit.triggers import still_append_only

ANSWER = "label, score, scores, planes, abstained, reason, distance, activations"


class Migration(migrations.Migration):
    dependencies = (("imageqc", "0004_no_latest"),)
    operations = still_append_only(
        "imageqc_classification",
        migrations.AlterField("classification", "body_part", models.JSONField(help_text=ANSWER)),
        migrations.AlterField("classification", "contrast", models.JSONField(help_text=ANSWER)),
        migrations.AddField(
            "classification",
            "coverage",
            models.JSONField(blank=True, help_text="Empty: the bundle does not tell it.", null=True),
        ),
        migrations.AddField(
            "classification", "recipe", models.TextField(blank=True, help_text="How the bundle's networks were made.")
        ),
        migrations.AddField(
            "classification",
            "settings",
            models.JSONField(
                default=dict,
                help_text="Per module: temperature, limits, and each plane's picture and network. Empty: not kept then.",
            ),
        ),
    )
