from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def keep_choices(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for series in apps.get_model("intake", "Series").objects.exclude(chosen_slot=None):
        series.chosen_slots.add(series.chosen_slot_id)


def keep_one_choice(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for series in apps.get_model("intake", "Series").objects.exclude(chosen_slots=None).distinct():
        series.chosen_slot = series.chosen_slots.first()
        series.save(update_fields=["chosen_slot"])


class Migration(migrations.Migration):
    dependencies = (
        ("intake", "0002_reasons"),
        ("protocols", "0002_labels_of_the_bundle"),
    )
    operations = (
        migrations.AddField(
            "series",
            "chosen_slots",
            models.ManyToManyField(
                blank=True,
                related_name="+",
                to="protocols.requiredseries",
                help_text="The required series that the coordinator chose it for; empty leaves the choice to the check.",
            ),
        ),
        migrations.RunPython(keep_choices, keep_one_choice),
        migrations.RemoveField("series", "chosen_slot"),
    )
