#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import BaseCommand, ManagementUtility

from erp.runtime import demo
from erp.runtime.files import PRIVATE_UMASK
from erp.settings.checks import start_check
from erp.settings.environment import Environment

# They sign and encrypt nothing, so they run without SECRET_KEY and FIELD_KEYS: the image collects its files
# before it has any.
WITHOUT_SECRETS = ("collectstatic", "makemigrations")
# In demonstration mode they work on its data.
OF_THE_RUNNING_ERP = ("up", "backup", "restore", "backup_check")


class Commands(ManagementUtility):
    """Django's own, but no command runs on settings that cannot be used."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        start_check()
        return super().fetch_command(subcommand)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.base")
    Environment.needs_secrets = sys.argv[1:2] not in [[name] for name in WITHOUT_SECRETS]
    if sys.argv[1:2] in [[name] for name in OF_THE_RUNNING_ERP]:
        os.umask(PRIVATE_UMASK)
        demo.enter()
    Commands(sys.argv).execute()
