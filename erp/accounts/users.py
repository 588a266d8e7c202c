"""Writes on the users of a company, and the link with which somebody chooses a password."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from axes.utils import reset
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from erp.accounts import refusals
from erp.accounts.models import Company, Role, Store, StoreMembership, User
from erp.accounts.services import audit_append
from erp.refusals import Refusal, RefusedError

FIELDS = ("first_name", "username", "email", "role", "is_active")


class UserRefused(RefusedError):
    """The change was not made. `field` names what to correct, empty for the whole."""

    def __init__(self, refusal: Refusal, field: str = "") -> None:
        self.field = field
        super().__init__(refusal)


@transaction.atomic
def user_create(
    *,
    company_id: int,
    first_name: str,
    username: str,
    email: str,
    role: str,
    stores: Collection[Store],
    actor: User,
) -> User:
    """A user who cannot enter before a password was chosen by `password_link`. Raises UserRefused."""
    user = User(company_id=company_id, first_name=first_name, username=username, email=email, role=Role(role))
    user.set_unusable_password()
    _save(user)
    _stores_set(user, stores)
    _audit(user, actor, "created", f"Usuário {username} criado como {user.get_role_display()}", ["role"])
    return user


@transaction.atomic
def user_change(
    *,
    user: User,
    first_name: str,
    username: str,
    email: str,
    role: str,
    is_active: bool,
    stores: Collection[Store],
    actor: User,
) -> User:
    """Change a user; somebody who is switched off is out with the next click.

    Raises UserRefused for a name that is taken, and when no active administrator would be left.
    """
    # One change of users at a time in a company: two administrators might switch each other off.
    Company.objects.select_for_update().get(users=user)
    user = User.objects.get(pk=user.pk)
    wanted = {
        "first_name": first_name,
        "username": username,
        "email": email,
        "role": Role(role),
        "is_active": is_active,
    }
    changed = [name for name in FIELDS if getattr(user, name) != wanted[name]]
    for name in changed:
        setattr(user, name, wanted[name])
    if not _administrator_left(user):
        raise UserRefused(refusals.LAST_ADMINISTRATOR)
    _save(user)
    if _stores_set(user, stores):
        changed.append("stores")
    if changed:
        state = "" if user.is_active else ", sem acesso"
        text = f"Usuário {user.username} alterado: {user.get_role_display()}{state}"
        _audit(user, actor, "changed", text, changed)
    return user


def password_link(*, user: User, actor: User) -> str:
    """The full address with which `user` chooses a password: once, within PASSWORD_RESET_TIMEOUT. Nothing of
    it is stored; the present password works until then."""
    _audit(user, actor, "password_link", f"Link de senha gerado para {user.username}", [])
    names = {
        "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    return settings.PUBLIC_URL + reverse("password_set", kwargs=names)


@transaction.atomic
def password_set(*, user: User, password: str) -> None:
    """The password `user` chose. Whoever forgot the old one may have locked the account with it."""
    user.set_password(password)
    user.save(update_fields=["password"])
    reset(username=user.get_username())


def _administrator_left(user: User) -> bool:
    """Somebody invited who never chose a password does not count: nobody could enter to help them."""
    if user.role == Role.ADMIN and user.is_active:
        return True
    others = User.objects.filter(company=user.company, role=Role.ADMIN, is_active=True)
    return others.exclude(pk=user.pk).exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


def _save(user: User) -> None:
    """Names differ in more than their case, so that nobody is taken for somebody else."""
    taken = UserRefused(refusals.NAME_TAKEN.of(username=user.username), field="username")
    if User.objects.filter(username__iexact=user.username).exclude(pk=user.pk).exists():
        raise taken
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise taken from None


def _stores_set(user: User, stores: Collection[Store]) -> bool:
    """Give `user` these stores and no others; True when something changed."""
    before = set(StoreMembership.objects.filter(user=user).values_list("store_id", flat=True))
    wanted = {store.pk for store in stores if store.company_id == user.company_id}
    StoreMembership.objects.filter(user=user, store_id__in=before - wanted).delete()
    StoreMembership.objects.bulk_create(
        StoreMembership(user=user, store_id=store_id) for store_id in sorted(wanted - before)
    )
    return before != wanted


def _audit(user: User, actor: User, action: str, text: str, fields: list[str]) -> None:
    data: dict[str, Any] = {"fields": fields}
    if "role" in fields:
        data["role"] = str(user.role)
    if "is_active" in fields:
        data["is_active"] = user.is_active
    audit_append(
        company_id=user.company_id or 0,
        actor=actor,
        action=f"user.{action}",
        subject=f"user:{user.pk}",
        text=text,
        data=data,
    )
