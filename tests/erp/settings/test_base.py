"""What the settings make of the environment."""

from __future__ import annotations

from django.conf import settings
from django.test import Client


def test_a_form_may_lead_to_a_page_that_moves_to_the_public_address(client: Client) -> None:
    policy = client.get("/entrar/").headers["Content-Security-Policy"]
    sources = next(part.split() for part in policy.split(";") if "form-action" in part)
    assert settings.PUBLIC_URL in sources
