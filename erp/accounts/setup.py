"""The first start of a real shop: a one-time link creates the company and its first administrator."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import signing
from django.db import connection, transaction
from django.urls import reverse

from erp.accounts.models import Company, Role, User
from erp.accounts.services import audit_append, company_create

SALT = "erp.accounts.setup"
LINK_SECONDS = 7 * 24 * 60 * 60


class SetupClosed(Exception):
    """Somebody else finished the set-up first: there is a user already."""


def setup_is_open() -> bool:
    """True while no user exists."""
    return not User.objects.exists()


def setup_url() -> str:
    """A full address that opens the set-up for seven days or until the first user exists."""
    return settings.PUBLIC_URL + reverse("setup", args=[signing.dumps("setup", salt=SALT)])


def token_is_valid(token: str) -> bool:
    try:
        return bool(signing.loads(token, salt=SALT, max_age=LINK_SECONDS) == "setup")
    except signing.BadSignature:
        return False


@transaction.atomic
def setup_finish(*, company: dict[str, Any], username: str, email: str, password: str) -> User:
    """Create the company and its administrator.

    Raises SetupClosed when a user exists by now.
    """
    _users_lock()
    if not setup_is_open():
        raise SetupClosed
    created: Company = company_create(**company)
    user = User.objects.create_user(
        username=username, email=email, password=password, company=created, role=Role.ADMIN
    )
    audit_append(
        company_id=created.pk,
        actor=user,
        action="setup",
        subject=str(created),
        text="Empresa e primeiro administrador criados pelo link da primeira execução.",
    )
    return user


def _users_lock() -> None:
    """Two people with the link: the second waits and then finds the first's user. SQLite already lets
    one writing transaction in at a time."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{User._meta.db_table}" IN SHARE ROW EXCLUSIVE MODE')
