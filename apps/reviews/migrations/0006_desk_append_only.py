import django.db.models.deletion
from django.db import migrations, models

from apps.audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = (("reviews", "0005_desk_values"),)
    operations = (
        migrations.AlterField(
            "reviewcase",
            "site",
            models.ForeignKey(
                help_text="Of the submission.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="trials.site",
            ),
        ),
        migrations.AlterField(
            "reviewcase",
            "trial",
            models.ForeignKey(
                help_text="Of the submission.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="trials.trial",
            ),
        ),
        append_only("reviews_timecorrection"),
        append_only("reviews_seriesdecision"),
        append_only("reviews_annotation"),
        append_only("reviews_signature"),
        append_only("reviews_voiding"),
    )
