"""Users of a company: created, changed, switched off, and never without an administrator."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from erp.accounts.models import AuditEntry, Company, Role, Store, User
from erp.accounts.users import UserRefused, password_link, user_change, user_create

pytestmark = pytest.mark.django_db


def create(admin: User, **fields: Any) -> User:
    wanted = {
        "first_name": "Bia",
        "username": "bia",
        "email": "bia@loja.example",
        "role": Role.OPERATOR,
        "stores": [],
    }
    return user_create(company_id=admin.company_id or 0, actor=admin, **{**wanted, **fields})


def change(user: User, actor: User, **fields: Any) -> User:
    wanted = {
        "first_name": user.first_name,
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "is_active": user.is_active,
        "stores": list(Store.objects.filter(memberships__user=user)),
    }
    return user_change(user=user, actor=actor, **{**wanted, **fields})


def test_a_new_user_sees_the_stores_given_and_has_no_password(admin: User, store: Store) -> None:
    user = create(admin, stores=[store])
    assert user.company == admin.company
    assert not user.has_usable_password()
    assert list(Store.objects.visible_to(user)) == [store]
    entry = AuditEntry.objects.get(action="user.created")
    assert (entry.actor, entry.data["role"]) == (admin, "operator")
    assert "bia@loja.example" not in f"{entry.text}{entry.data}"


def test_a_store_of_another_company_is_never_given(admin: User, other_company: Company) -> None:
    foreign = Store.objects.create(company=other_company, name="Alheia", channel="kwai")
    user = create(admin, stores=[foreign])
    assert not user.memberships.exists()


def test_a_name_is_taken_whatever_its_case(admin: User) -> None:
    create(admin)
    with pytest.raises(UserRefused, match="Já existe um usuário chamado BIA") as refusal:
        create(admin, username="BIA")
    assert refusal.value.field == "username"


def test_changes_are_named_in_the_audit(admin: User, store: Store) -> None:
    user = create(admin)
    change(user, admin)
    assert not AuditEntry.objects.filter(action="user.changed").exists()
    change(user, admin, role=Role.VIEWER, stores=[store])
    entry = AuditEntry.objects.get(action="user.changed")
    assert entry.data["fields"] == ["role", "stores"]
    change(User.objects.get(pk=user.pk), admin, stores=[])
    assert not user.memberships.exists()


@pytest.mark.parametrize("fields", [{"role": Role.OPERATOR}, {"is_active": False}])
def test_the_last_administrator_stays(
    admin: User, make_user: Callable[..., User], other_company: Company, fields: dict[str, Any]
) -> None:
    User.objects.create_user(username="alheio", company=other_company, role=Role.ADMIN)
    retired = make_user(Role.ADMIN, username="antiga")
    change(retired, admin, is_active=False)
    with pytest.raises(UserRefused, match="É preciso um administrador ativo"):
        change(admin, admin, **fields)
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)
    change(User.objects.get(pk=retired.pk), admin, is_active=True)
    change(admin, admin, **fields)


def test_an_administrator_who_never_chose_a_password_is_not_the_one_who_stays(admin: User) -> None:
    """Nobody could enter any more, and nobody could make the link with which to choose one."""
    invited = create(admin, username="nova", role=Role.ADMIN)
    with pytest.raises(UserRefused, match="É preciso um administrador ativo"):
        change(admin, admin, role=Role.OPERATOR)
    invited.set_password("caneca-azul-42")
    invited.save()
    change(admin, admin, role=Role.OPERATOR)


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_switch_each_other_off_leave_one(
    admin: User, make_user: Callable[..., User]
) -> None:
    pair = [admin, make_user(Role.ADMIN, username="outra")]
    together = threading.Barrier(2)

    def work(number: int) -> bool:
        try:
            together.wait(timeout=30)
            change(pair[number], pair[1 - number], is_active=False)
        except UserRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(work, range(2))) == [False, True]
    assert User.objects.filter(role=Role.ADMIN, is_active=True).count() == 1


def test_the_link_is_in_no_row(admin: User) -> None:
    user = create(admin)
    token = password_link(user=user, actor=admin).rstrip("/").rsplit("/", 1)[-1]
    with connection.cursor() as cursor:
        for model in (User, AuditEntry):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            assert token not in str(cursor.fetchall())
