from django.db import migrations

from apps.audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = (("intake", "0004_site_precheck"),)
    operations = (append_only("intake_declaration"), append_only("intake_receipt"))
