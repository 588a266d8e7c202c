"""Notices about a store that stay above every page until somebody has read them."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.web import registry
from erp.web.requests import user_of
from kwai_integration.models import StoreNotice


def notices(request: HttpRequest) -> Iterator[registry.Notice]:
    """What the shell shows to those who manage integrations; one query."""
    for notice in unread(user_of(request)):
        yield registry.Notice(
            text=f"{notice.store.name}: {notice.text}",
            label="ver e confirmar",
            url=reverse("kwai:store_notice", args=[notice.pk]),
            tone="info",
        )


def unread(user: User) -> list[StoreNotice]:
    rows = StoreNotice.objects.filter(store__in=Store.objects.visible_to(user), read_at__isnull=True)
    return list(rows.select_related("store").order_by("pk"))


def notice_read(*, notice: StoreNotice, user: User) -> None:
    """*Entendi*: the notice goes; the first who reads it is kept."""
    rows = StoreNotice.objects.filter(pk=notice.pk, read_at__isnull=True)
    rows.update(read_at=timezone.now(), read_by=user)
