from django.db import migrations

from apps.audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = (("imageqc", "0002_relations"),)
    operations = (append_only("imageqc_classification"),)
