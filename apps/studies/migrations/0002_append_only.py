from django.db import migrations

from apps.audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = (("studies", "0001_initial"),)
    operations = (append_only("studies_reading"),)
