"""What a connection needs of a person: who is told, when, and how often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMessage
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp import clock
from erp.accounts.models import Company, Role, Store, StoreLifecycle, StoreMembership, User
from erp.attention import tasks
from erp.attention.board import Board
from erp.attention.mails import _claims, mails_owe, mails_send
from erp.attention.models import OwedMail
from erp.outbox import breaker, limits
from erp.outbox.queues import calls_restore, channel_pause, channel_resume
from erp.outbox.statuses import WaitReason
from kwai_integration.app_health import oauth_call
from kwai_integration.connection import account_health_set
from kwai_integration.connection_trouble import connection_items
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.wire import errors

pytestmark = pytest.mark.django_db

ADDRESS = "dona@loja.example"


@pytest.fixture(autouse=True)
def _mail(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_ENABLED = True
    monkeypatch.setattr("erp.scheduling._send", lambda task, kwargs: None)


@pytest.fixture
def account(store: Store, admin: User) -> KwaiAccount:
    """Connected, its consent ends in 200 days; one administrator has an address."""
    User.objects.filter(pk=admin.pk).update(email=ADDRESS)
    return connected(store, "1")


def connected(store: Store, merchant_id: str, days: int = 200) -> KwaiAccount:
    row = KwaiAccount(store=store, merchant_id=merchant_id, health=ConnectionHealth.OK, shop_name="Loja")
    row.access_token = row.refresh_token = "SEGREDO"
    row.refresh_expires_at = timezone.now() + timedelta(days=days, hours=1)
    row.refresh_due_at = timezone.now() + timedelta(days=3)
    row.save()
    return row


def ends_in(account: KwaiAccount, days: int) -> None:
    KwaiAccount.objects.filter(pk=account.pk).update(
        refresh_expires_at=timezone.now() + timedelta(days=days, hours=1)
    )


def work() -> None:
    """What each turn of the task does."""
    tasks.mail()


def due() -> None:
    OwedMail.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_each_threshold_is_told_once(account: KwaiAccount) -> None:
    start: datetime = timezone.now()
    told = []
    for day in range(168, 200):
        with time_machine.travel(start + timedelta(days=day), tick=False):
            # Rows are stamped by the database's clock, which does not travel.
            work()
            work()
            told += [(200 - day, message.subject) for message in mail.outbox]
            mail.outbox.clear()
    assert [days for days, _ in told] == [30, 7, 1]
    assert "termina em 30 dias" in told[0][1]
    assert "termina amanhã" in told[2][1]
    assert OwedMail.objects.count() == 3


def test_whoever_starts_late_is_told_once_not_three_times(account: KwaiAccount) -> None:
    ends_in(account, 0)
    work()
    assert [row.key for row in OwedMail.objects.all()] == ["kwai.consent_last_day"]
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("health", [ConnectionHealth.REVOKED, ConnectionHealth.EXPIRED])
def test_the_end_is_told_at_once_and_once(account: KwaiAccount, health: ConnectionHealth) -> None:
    account_health_set(store_id=account.pk, health=health)
    work()
    work()
    (message,) = mail.outbox
    assert message.to == [ADDRESS]
    assert "desconectada" in message.subject
    assert "conectar com Kwai" in message.body
    assert reverse("kwai:store", args=[account.pk]) in message.body
    assert "SEGREDO" not in str(message.message())
    # Connected again and ended again is another end.
    KwaiAccount.objects.update(health=ConnectionHealth.OK, token_version=5)
    work()
    account_health_set(store_id=account.pk, health=health)
    work()
    assert len(mail.outbox) == 2


def test_a_row_is_one_for_each_occurrence(account: KwaiAccount) -> None:
    own = {"key": "kwai.consent_ended", "subject": f"store:{account.pk}", "occurrence": "pair 0"}
    OwedMail.objects.create(company=account.store.company, **own)
    with pytest.raises(IntegrityError, match=r"owed_mail_once|UNIQUE"), transaction.atomic():
        OwedMail.objects.create(company=account.store.company, **own)


def test_two_workers_send_one_message(account: KwaiAccount) -> None:
    ends_in(account, 7)
    mails_owe()
    first, second = _claims(), _claims()
    assert [row.key for row in first] == ["kwai.consent_ending"]
    assert list(second) == []


def test_a_worker_killed_before_sending_leaves_a_row_that_is_taken_up(
    account: KwaiAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_in(account, 7)
    mails_owe()

    class Killed(BaseException):
        pass

    def die(self: EmailMessage, fail_silently: bool = False) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", die)
        with pytest.raises(Killed):
            mails_send()
    work()
    assert mail.outbox == []
    OwedMail.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    work()
    work()
    assert len(mail.outbox) == 1


def test_a_message_sent_again_has_the_same_id(account: KwaiAccount) -> None:
    ends_in(account, 7)
    work()
    OwedMail.objects.update(closed_at=None)
    work()
    first, second = (message.message()["Message-ID"] for message in mail.outbox)
    assert first == second


def test_a_failure_is_tried_again_and_names_no_address(
    account: KwaiAccount, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ends_in(account, 7)

    def refuse(self: EmailMessage, fail_silently: bool = False) -> int:
        raise ConnectionRefusedError(f"no route for {ADDRESS}")

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", refuse)
        work()
    row = OwedMail.objects.get()
    assert (row.attempts, row.closed_at, row.last_error) == (1, None, "ConnectionRefusedError")
    assert row.due_at > timezone.now()
    assert ADDRESS not in caplog.text
    work()
    assert mail.outbox == []
    due()
    work()
    assert len(mail.outbox) == 1


def test_what_is_no_longer_true_is_not_sent(account: KwaiAccount) -> None:
    account_health_set(store_id=account.pk, health=ConnectionHealth.REVOKED)
    mails_owe()
    KwaiAccount.objects.update(health=ConnectionHealth.OK)
    assert mails_send() == 0
    assert OwedMail.objects.get().closed_at is not None


def test_administrators_of_the_company_with_an_address_are_told(
    account: KwaiAccount, make_user: Callable[..., User], other_company: Company
) -> None:
    make_user(Role.ADMIN, username="sem-endereco")
    for name, role, company, active in (
        ("gerente", Role.ADMIN, account.store.company, True),
        ("operador", Role.OPERATOR, account.store.company, True),
        ("antigo", Role.ADMIN, account.store.company, False),
        ("alheio", Role.ADMIN, other_company, True),
    ):
        User.objects.create_user(
            username=name, email=f"{name}@x.example", role=role, company=company, is_active=active
        )
    ends_in(account, 1)
    work()
    assert mail.outbox[0].to == [ADDRESS, "gerente@x.example"]


def test_nobody_with_an_address_and_no_mail_server_fail_nothing(account: KwaiAccount, settings: Any) -> None:
    ends_in(account, 7)
    settings.EMAIL_ENABLED = False
    work()
    assert OwedMail.objects.get().closed_at is None
    settings.EMAIL_ENABLED = True
    User.objects.update(email="")
    work()
    row = OwedMail.objects.get()
    assert (row.recipients, mail.outbox) == (0, [])
    assert row.closed_at is not None


def test_stores_that_are_not_active_warn_nobody(account: KwaiAccount, admin: User) -> None:
    ends_in(account, 1)
    Store.objects.update(lifecycle=StoreLifecycle.INACTIVE)
    work()
    assert not OwedMail.objects.exists()
    assert shown(admin) == []


def shown(user: User) -> list[str]:
    return [item.sentence for item in Board(user).banners]


def test_every_page_of_an_administrator_shows_the_notice(
    account: KwaiAccount, admin: User, operator: User, sign_in: Callable[[User], Client]
) -> None:
    link = reverse("kwai:reauthorise", args=[account.pk])
    for days, expected in ((200, ""), (12, "termina em 12 dias"), (0, "termina hoje")):
        ends_in(account, days)
        html = sign_in(admin).get("/").content.decode()
        assert (link in html) is bool(expected)
        assert expected in html
    account_health_set(store_id=account.pk, health=ConnectionHealth.REVOKED)
    html = sign_in(admin).get(reverse("sales:orders")).content.decode()
    assert "foi revogado" in html
    assert "shell-notice-danger" in html
    assert link not in sign_in(operator).get("/").content.decode()


def test_notices_cost_one_statement_however_many_stores(
    account: KwaiAccount, admin: User, company: Company
) -> None:
    for number in range(5):
        store = Store.objects.create(
            company=company, name=f"K{number}", channel="kwai", lifecycle=StoreLifecycle.ACTIVE
        )
        connected(store, f"9{number}", days=3)
    with CaptureQueriesContext(connection) as queries:
        assert len(list(connection_items(admin))) == 5
    assert len(queries) == 1


def test_the_notice_of_another_company_stays_there(
    account: KwaiAccount, other_company: Company, admin: User
) -> None:
    ends_in(account, 3)
    stranger = User.objects.create_user(username="alheio", company=other_company, role=Role.ADMIN)
    assert shown(stranger) == []
    assert len(shown(admin)) == 1


def test_its_button_opens_a_page_that_leads_to_kwai(
    account: KwaiAccount, admin: User, sign_in: Callable[[User], Client], settings: Any
) -> None:
    settings.PUBLIC_URL = "http://testserver"
    answer = sign_in(admin).get(reverse("kwai:reauthorise", args=[account.pk]))
    html = answer.content.decode()
    assert answer.status_code == 200
    assert f'action="{reverse("kwai:store_connect", args=[account.pk])}"' in html
    assert "data-autosubmit" in html
    assert "https://shop.kwai.com" in answer["Content-Security-Policy"]


# --- what does not end a connection


def others(company: Company, count: int) -> list[KwaiAccount]:
    stores = [
        Store.objects.create(
            company=company, name=f"K{number}", channel="kwai", lifecycle=StoreLifecycle.ACTIVE
        )
        for number in range(count)
    ]
    return [connected(store, f"9{number}") for number, store in enumerate(stores)]


def texts(page: Any) -> list[str]:
    return [item.sentence for item in page.context["shell_notices"]]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR])
def test_the_pause_of_everything_is_told_above_the_pages_once_and_to_everybody(
    account: KwaiAccount, company: Company, sign_in: Callable[[User], Client], role: Role
) -> None:
    others(company, 3)
    user = User.objects.create_user(username="u", company=company, role=role)
    for each in Store.objects.all():
        StoreMembership.objects.create(store=each, user=user)
    channel_pause(channel="kwai", reason="O relógio do servidor está 24 h adiantado.")
    page = sign_in(user).get(reverse("web:home"))
    (told,) = texts(page)
    assert told.startswith("O relógio do servidor está 24 h adiantado.")
    assert "continua sozinho" in told
    assert str(page.content.decode()).count("24 h adiantado") == 1
    channel_resume(channel="kwai")
    assert texts(sign_in(user).get(reverse("web:home"))) == []


def test_another_company_hears_nothing_of_a_channel_it_does_not_use(
    other_company: Company, sign_in: Callable[[User], Client]
) -> None:
    channel_pause(channel="kwai", reason="x")
    stranger = User.objects.create_user(username="alheio", company=other_company, role=Role.ADMIN)
    assert texts(sign_in(stranger).get(reverse("web:home"))) == []


def test_a_refused_secret_is_told_once_and_names_its_setting(
    account: KwaiAccount, company: Company, admin: User, sign_in: Callable[[User], Client]
) -> None:
    others(company, 3)
    error = errors.SecretInvalid(call="oauth_refresh", write=True, code=441)
    with pytest.raises(errors.SecretInvalid), oauth_call("oauth_refresh"):
        raise error
    (told,) = texts(sign_in(admin).get(reverse("web:home")))
    assert "KWAI_APP_SECRET" in told


def test_one_problem_of_many_renewals_is_told_once_with_their_names(
    account: KwaiAccount, company: Company, admin: User
) -> None:
    others(company, 2)
    KwaiAccount.objects.update(refresh_problem="Código desconhecido (777).")
    (told,) = connection_items(admin)
    assert all(name in told.sentence for name in ("K0", "K1", account.store.name, "(777)"))


def test_a_call_that_was_not_granted_offers_to_connect_again(
    account: KwaiAccount, company: Company, admin: User, sign_in: Callable[[User], Client]
) -> None:
    (other,) = others(company, 1)
    until = clock.after(timedelta(minutes=50))
    limits.hold(store_id=account.pk, call="list_items", until=until, reason=WaitReason.GRANT)
    client = sign_in(admin)
    page = client.get(reverse("kwai:stores"))
    (told,) = texts(page)
    assert told.startswith(f"{account.store.name}: permissão não concedida")
    content = page.content.decode()
    assert f'href="{reverse("kwai:reauthorise", args=[account.pk])}"' in content
    assert f'href="{reverse("kwai:reauthorise", args=[other.pk])}"' not in content
    assert "Permissão não concedida no Kwai (ler anúncios)" in content
    calls_restore(store_id=account.pk)
    assert texts(client.get(reverse("kwai:stores"))) == []


def test_the_card_tells_what_keeps_a_part_of_the_work_waiting(
    account: KwaiAccount, admin: User, sign_in: Callable[[User], Client]
) -> None:
    breaker.rest_now(store_id=account.pk, reason="O Kwai respondeu 448.")
    KwaiAccount.objects.update(refresh_problem="Código desconhecido (777).")
    content = sign_in(admin).get(reverse("kwai:stores")).content.decode()
    assert "O Kwai respondeu 448." in content
    assert "Código desconhecido (777)." in content


def test_an_account_that_kwai_does_not_recognise_says_so(account: KwaiAccount, admin: User) -> None:
    account_health_set(store_id=account.pk, health=ConnectionHealth.UNRECOGNISED)
    (told,) = connection_items(admin)
    assert "não reconhece a conta de vendedor" in told.sentence
    assert told.repair.label == "conectar com Kwai"
