from django.db import migrations

from apps.audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = (("reviews", "0001_initial"),)
    operations = (append_only("reviews_decision"), append_only("reviews_labelcorrection"))
