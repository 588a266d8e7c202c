"""What the settings make of the environment."""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings
from django.test import Client


def test_the_address_follows_the_port_when_nobody_named_one() -> None:
    names = ("ERP_DEMO", "PUBLIC_URL")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    code = "from erp.settings import base; print(base.PUBLIC_URL)"
    run = [sys.executable, "-c", code]
    found = subprocess.run(run, env=kept | {"ERP_PORT": "8123"}, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "http://127.0.0.1:8123"


def test_a_form_may_lead_to_a_page_that_moves_to_the_public_address(client: Client) -> None:
    policy = client.get("/entrar/").headers["Content-Security-Policy"]
    sources = next(part.split() for part in policy.split(";") if "form-action" in part)
    assert settings.PUBLIC_URL in sources
