"""The WSGI entry point: ``gunicorn coreqc.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

from coreqc.garbage import leave_out_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreqc.settings.production")

application = get_wsgi_application()
leave_out_what_is_loaded()
