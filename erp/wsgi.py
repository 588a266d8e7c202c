"""The web server's entry point."""

import os

from django.core.checks import Tags
from django.core.wsgi import get_wsgi_application

from erp.settings.checks import start_check

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.base")
application = get_wsgi_application()
start_check(Tags.urls)
