"""Below the channel nothing is named after one: a second marketplace is a second app."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from erp import channels
from erp.accounts.models import User
from erp.sales.views.orders import OrderList
from kwai_integration.channel import KwaiChannel

ROOT = Path(__file__).resolve().parents[1]
SHARED = ("erp", "invoices", "expedition", "templates")
CHANNEL = "kwai"
# What puts the product together, the channel's own templates, and history.
APART = ("erp/settings/", "erp/runtime/", "erp/urls.py", "erp/celery.py", f"templates/{CHANNEL}/")


def below_the_channel() -> list[Path]:
    files = (path for name in SHARED for path in (ROOT / name).rglob("*") if path.suffix in {".py", ".html"})
    return [
        path
        for path in files
        if not str(path.relative_to(ROOT)).startswith(APART) and "migrations" not in path.parts
    ]


def test_no_channel_is_named_below_it() -> None:
    files = below_the_channel()
    assert len(files) > 200
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if CHANNEL in line.casefold()
    ]
    assert found == []


class OtherChannel(KwaiChannel):
    key, label = "other", "Outra Loja"


def test_screens_say_what_the_channels_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(OrderList.search_label) == "número, número no Kwai ou comprador"
    channels_here = {channel.key: channel for channel in (KwaiChannel(), OtherChannel())}
    monkeypatch.setattr(channels, "_channels", channels_here)
    assert str(OrderList.search_label) == "número, número no Kwai / Outra Loja ou comprador"
    assert channels.label("other") == "Outra Loja"
    monkeypatch.setattr(channels, "_channels", {})
    assert (channels.label("other"), channels.stores_url()) == ("e-commerce", "")


@pytest.mark.django_db
def test_the_way_to_connect_a_store_is_the_channels(
    admin: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(admin)
    link = re.compile(rf'<a [^>]*href="{reverse("kwai:stores")}"[^>]*>.*?Abrir Integrações', re.DOTALL)
    page = client.get(reverse("sales:orders")).content.decode()
    assert link.search(page)
    assert "Integração Kwai" in page
    monkeypatch.setattr(channels, "_channels", {})
    assert "Abrir Integrações" not in client.get(reverse("sales:orders")).content.decode()
