"""Notices and warnings of before the register are found in it, and go back as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from erp.accounts.models import Company, Store, User
from erp.attention import mails
from erp.attention.board import Board
from erp.attention.models import Condition, OwedMail
from kwai_integration.models import ConnectionHealth, KwaiAccount

pytestmark = pytest.mark.django_db(transaction=True)
FORMER = ("kwai_integration", "0015_rename_steps_and_reports")


def forwards() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def backwards() -> Iterator[Callable[[], Any]]:
    """Undoes the move and answers the models of before."""

    def undo() -> Any:
        MigrationExecutor(connection).migrate([FORMER])
        return MigrationExecutor(connection).loader.project_state([FORMER]).apps

    yield undo
    forwards()


def test_what_was_read_stays_read_and_what_was_sent_is_not_sent_again(
    backwards: Callable[[], Any], store: Store, company: Company, admin: User, settings: Any
) -> None:
    settings.EMAIL_ENABLED = True
    User.objects.update(email="dona@loja.example")
    ends = timezone.now() + timedelta(days=6)
    account = KwaiAccount(store=store, merchant_id="1", health=ConnectionHealth.OK, refresh_expires_at=ends)
    account.access_token = account.refresh_token = "x"
    account.save()
    then = timezone.now() - timedelta(days=3)
    about = f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    former = backwards()
    notices = former.get_model("kwai_integration", "StoreNotice").objects
    warnings = former.get_model("kwai_integration", "ConnectionWarning").objects
    notices.create(store_id=store.pk, key="edition-2-mappings", text="Confira.")
    notices.create(store_id=store.pk, key="edition-2-orders", text="Lido.", read_at=then, read_by_id=admin.pk)
    warnings.create(account_id=store.pk, kind="days_7", about=about, closed_at=then, recipients=2)
    warnings.create(account_id=store.pk, kind="ended", about="pair 3", closed_at=then)
    was = [list(rows.order_by("pk").values()) for rows in (notices, warnings)]

    forwards()
    sentences = [item.sentence for item in Board(admin).banners if item.key == "kwai.mappings_to_check"]
    assert sentences == ["Kwai Shop: Confira."]
    read = Condition.objects.get(key="kwai.orders_judged_again")
    assert (read.withdrawn_at, read.withdrawn_by) == (then, admin)
    mails.mails_owe()
    mails.mails_send()
    assert OwedMail.objects.count() == 2
    assert mail.outbox == []

    former = backwards()
    names = ("StoreNotice", "ConnectionWarning")
    now = [former.get_model("kwai_integration", name).objects.order_by("pk").values() for name in names]
    assert [[row | {"id": 0} for row in rows] for rows in now] == [
        [row | {"id": 0} for row in rows] for rows in was
    ]
