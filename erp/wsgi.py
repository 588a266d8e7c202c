"""The web server's entry point."""

import gc
import os

from django.core.checks import Tags
from django.core.wsgi import get_wsgi_application

from erp.settings.checks import start_check

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.base")
application = get_wsgi_application()
start_check(Tags.urls)
# What is loaded now stays: without this every tenth page or so waits until all of it was looked through for
# garbage, and the pages of memory that a fork shares are written to.
gc.collect()
gc.freeze()
