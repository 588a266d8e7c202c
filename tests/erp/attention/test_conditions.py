"""Conditions: opened by whoever notices, as often as they like, until they are withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Company, Role, Store, User
from erp.accounts.permissions import Permission
from erp.attention import register
from erp.attention.board import Board
from erp.attention.conditions import condition_open, condition_withdraw
from erp.attention.models import Condition
from erp.attention.register import ConditionSource, Repair, Severity

pytestmark = pytest.mark.django_db
KEY = "test.broken"


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "_sources", {})
    monkeypatch.setattr(register, "_severities", {})
    register.register(
        ConditionSource(
            key=KEY,
            label="O que houve",
            leads_to=lambda row: Repair("Ver", f"/lojas/{row.store_id}/"),
            severity=Severity.WARNING,
            permission=Permission.OPERATE,
        )
    )


def opened(
    company: Company, text: str = "Parou.", store: Store | None = None, subject: str = "a"
) -> Condition:
    condition_open(
        key=KEY, subject=subject, text=text, company_id=company.pk, store_id=store.pk if store else None
    )
    return Condition.objects.get(key=KEY, subject=subject)


def test_opening_again_only_notes_that_it_is_still_seen(company: Company) -> None:
    opened(company)
    past = timezone.now() - timedelta(days=1)
    Condition.objects.update(opened_at=past, seen_at=past)
    again = opened(company, "Continua parado.")
    assert Condition.objects.count() == 1
    assert (again.opened_at, again.text) == (past, "Continua parado.")
    assert again.seen_at > past


def test_withdrawn_it_is_gone_and_opened_anew_it_begins_anew(company: Company, operator: User) -> None:
    opened(company)
    past = timezone.now() - timedelta(days=1)
    Condition.objects.update(opened_at=past)
    assert condition_withdraw(key=KEY, subject="a", user=operator)
    assert not condition_withdraw(key=KEY, subject="a")
    assert Condition.objects.get().withdrawn_by == operator
    assert Board(operator).banners == []
    again = opened(company)
    assert (again.withdrawn_at, again.withdrawn_by) == (None, None)
    assert again.opened_at > past
    assert [item.sentence for item in Board(operator).banners] == ["Parou."]


def test_an_unknown_key_is_refused(company: Company) -> None:
    with pytest.raises(LookupError, match=r"test\.other"):
        condition_open(key="test.other", subject="a", text="x", company_id=company.pk)


def test_a_row_is_one_for_key_and_subject_and_who_ended_it_says_when(company: Company, admin: User) -> None:
    opened(company)
    with pytest.raises(IntegrityError, match=r"condition_once|UNIQUE"), transaction.atomic():
        Condition.objects.create(key=KEY, subject="a", text="x", company=company)
    with pytest.raises(IntegrityError, match="condition_who_has_when"), transaction.atomic():
        Condition.objects.update(withdrawn_by=admin)


def test_it_is_told_to_those_who_may_act_in_its_store_or_company(
    company: Company, other_company: Company, store: Store, operator: User, viewer: User
) -> None:
    opened(company, "Da empresa.", subject="company")
    opened(company, "Da loja.", store, "store")
    outsider = User.objects.create_user(username="sem-loja", company=company, role=Role.OPERATOR)
    stranger = User.objects.create_user(username="alheio", company=other_company, role=Role.ADMIN)

    def sentences(user: User) -> list[str]:
        return [item.sentence for item in Board(user).banners]

    assert sentences(operator) == ["Da empresa.", "Kwai Shop: Da loja."]
    assert sentences(outsider) == ["Da empresa."]
    assert sentences(viewer) == sentences(stranger) == []


def test_its_page_says_it_leads_on_and_ends_it(
    company: Company, store: Store, operator: User, viewer: User, sign_in: Callable[[User], Client]
) -> None:
    row = opened(company, store=store)
    url = reverse("attention:condition", args=[row.pk])
    html = sign_in(operator).get(url).content.decode()
    assert all(text in html for text in ("Kwai Shop", "Parou.", f'href="/lojas/{store.pk}/"', "entendi"))
    assert sign_in(viewer).get(url).status_code == 404
    assert sign_in(viewer).post(url).status_code == 404
    assert sign_in(operator).post(url).status_code == 302
    row.refresh_from_db()
    assert row.withdrawn_by == operator
    assert sign_in(operator).get(url).status_code == 404
