"""Every named constraint of works, violated; and who sees which work."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from erp.accounts.models import Company, Role, Store, User
from erp.work.models import Work, WorkFile, WorkFileChunk, WorkRow, WorkState
from tests.erp.work.conftest import Counting

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def refused(name: str, make: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        make()
    text = str(caught.value)
    # SQLite names the columns of a violated unique index, not the index.
    assert name in text or text.startswith("UNIQUE constraint failed")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("work_done_within_total", {"total": 1, "done": 2}),
        ("work_failed_within_done", {"total": 2, "done": 1, "failed": 2}),
        ("work_finished_has_no_row_left", {"total": 2, "done": 1, "finished_at": NOW}),
        ("work_finished_has_no_row_left", {"total": 0, "finished_at": NOW}),
        ("work_lease_is_whole", {"lease_token": uuid.UUID(int=1)}),
        ("work_lease_is_whole", {"lease_until": NOW}),
    ],
)
def test_constraints_of_a_work(company: Company, operator: User, name: str, values: dict[str, Any]) -> None:
    refused(name, lambda: Work.objects.create(kind="test", company=company, asked_by=operator, **values))


def test_constraints_of_rows_and_chunks(make_work: Callable[..., Work]) -> None:
    work = make_work(1)
    refused("workrow_unique_position", lambda: WorkRow.objects.create(work=work, position=0, name="r"))
    refused(
        "workrow_known_outcome",
        lambda: WorkRow.objects.create(work=work, position=9, name="r", outcome="maybe"),
    )
    kept = WorkFile.objects.create(work=work, name="a")
    WorkFileChunk.objects.create(file=kept, position=0, content=b"")
    refused(
        "workfilechunk_unique_position",
        lambda: WorkFileChunk.objects.create(file=kept, position=0, content=b""),
    )


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, WorkState.QUEUED),
        ({"lease_until": NOW.replace(year=NOW.year + 1)}, WorkState.RUNNING),
        ({"lease_until": NOW.replace(year=NOW.year - 1)}, WorkState.QUEUED),
        ({"stop_asked_at": NOW}, WorkState.STOPPED),
        ({"stop_asked_at": NOW, "lease_until": NOW.replace(year=NOW.year + 1)}, WorkState.STOPPING),
        ({"finished_at": NOW}, WorkState.FINISHED),
    ],
)
def test_how_a_work_stands(values: dict[str, Any], state: WorkState) -> None:
    assert Work(**values).state is state
    assert state.colour


def test_who_sees_a_work(
    make_work: Callable[..., Work],
    make_user: Callable[..., User],
    counting: Counting,
    admin: User,
    operator: User,
    viewer: User,
    store: Store,
    other_company: Company,
) -> None:
    mine, of_the_store = make_work(1), make_work(1, store=store, asked_by=admin)
    of_admin = make_work(1, asked_by=admin)
    colleague = make_user(Role.OPERATOR, username="colega", stores=[store])
    nobody = User.objects.create_user(username="sem-empresa", role=Role.ADMIN)
    stranger = User.objects.create_user(username="x", role=Role.ADMIN, company=other_company)
    seen = {
        user.username: set(Work.objects.visible_to(user))
        for user in (admin, operator, colleague, viewer, nobody, stranger)
    }
    assert seen == {
        admin.username: {mine, of_the_store, of_admin},
        operator.username: {mine, of_the_store},
        "colega": {of_the_store},
        viewer.username: set(),  # the kind is for operators
        "sem-empresa": set(),
        "x": set(),
    }
