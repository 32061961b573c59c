from django.db import migrations

from apps.audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = (("queries", "0001_initial"),)
    operations = (append_only("queries_message"),)
