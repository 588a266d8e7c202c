"""Every stored secret moves to the newest key: in the middle of use, and in as many runs as it takes."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from erp.accounts.models import Company, Store, User
from erp.encryption import secrets_of
from erp.web.management.commands import rotate_keys
from kwai_integration.models import ConsentRequest, KwaiAccount

pytestmark = pytest.mark.django_db

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def accounts(company: Company, admin: User, settings: Any) -> list[KwaiAccount]:
    """Six accounts and an offer written with the old key, the new one in front by now."""
    settings.FIELD_KEYS = f"k1:{OLD}"
    rows = []
    for number in range(6):
        store = Store.objects.create(company=company, name=f"Kwai {number}", channel="kwai")
        row = KwaiAccount(store=store, merchant_id=f"7{number}", shop_name="Loja")
        row.access_token, row.refresh_token = f"AT_{number}", f"RT_{number}"
        row.save()
        rows.append(row)
    offer = ConsentRequest.objects.create(
        store=rows[0].store, user=admin, status_hash="a", session_hash="b", expires_at=timezone.now()
    )
    offer.offer = "{}"
    offer.save()
    # A store that was never connected has nothing to rotate.
    KwaiAccount.objects.create(store=Store.objects.create(company=company, name="Rascunho", channel="kwai"))
    settings.FIELD_KEYS = f"k2:{NEW},k1:{OLD}"
    return rows


def run(*args: str) -> str:
    out = StringIO()
    call_command("rotate_keys", *args, stdout=out)
    return out.getvalue()


def tokens() -> list[tuple[str, str]]:
    rows = KwaiAccount.objects.exclude(merchant_id="").order_by("pk")
    return [(row.access_token, row.refresh_token) for row in rows]


def key_ids() -> set[str]:
    stored = [*KwaiAccount.objects.values_list("access_token_stored", "refresh_token_stored")]
    return {value.partition(":")[0] for pair in stored for value in pair if value}


def test_afterwards_the_new_key_alone_opens_everything(accounts: list[KwaiAccount], settings: Any) -> None:
    assert "13 segredos cifrados de novo" in run()
    settings.FIELD_KEYS = f"k2:{NEW}"
    assert tokens() == [(f"AT_{number}", f"RT_{number}") for number in range(6)]
    assert ConsentRequest.objects.get().offer == "{}"
    assert "Restam 0" in run("--check")
    assert run().startswith("0 segredos")


def test_check_counts_what_still_needs_the_old_key(accounts: list[KwaiAccount]) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="Restam 13 segredos"):
        call_command("rotate_keys", "--check", stdout=out)
    assert "chave 'k1': 13 segredos" in out.getvalue()
    assert key_ids() == {"k1"}


def test_a_run_killed_in_the_middle_is_finished_by_the_next(
    accounts: list[KwaiAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    really, done = rotate_keys._row_rotate, []

    def some(model: Any, secret: Any, pk: Any) -> bool:
        if len(done) == 5:
            raise Killed
        done.append(pk)
        return really(model, secret, pk)

    with monkeypatch.context() as patch:
        patch.setattr(rotate_keys, "BATCH", 2)
        patch.setattr(rotate_keys, "_row_rotate", some)
        with pytest.raises(Killed):
            run()
    assert key_ids() == {"k1", "k2"}
    assert "8 segredos cifrados de novo" in run()
    assert key_ids() == {"k2"}


def test_a_refresh_in_between_keeps_its_pair(
    accounts: list[KwaiAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    really, raced = rotate_keys.encrypt, []

    def raced_encrypt(value: str, *, place: str) -> str:
        if value == "AT_0" and not raced:
            raced.append(place)
            fresh = KwaiAccount.objects.get(pk=accounts[0].pk)
            fresh.access_token, fresh.refresh_token = "AT_renewed", "RT_renewed"
            fresh.save()
        return really(value, place=place)

    monkeypatch.setattr(rotate_keys, "encrypt", raced_encrypt)
    run()
    assert raced
    assert tokens()[0] == ("AT_renewed", "RT_renewed")
    assert key_ids() == {"k2"}


def test_a_secret_that_does_not_open_is_counted_and_left(accounts: list[KwaiAccount], settings: Any) -> None:
    settings.FIELD_KEYS = f"k2:{NEW},k1:{Fernet.generate_key().decode()}"
    out = StringIO()
    with pytest.raises(CommandError, match="Restam 13 segredos em chaves antigas"):
        call_command("rotate_keys", stdout=out)
    settings.FIELD_KEYS = f"k1:{OLD}"
    assert tokens()[0] == ("AT_0", "RT_0")
    assert "AT_" not in out.getvalue()


def test_every_stored_secret_has_a_descriptor() -> None:
    """Columns of encrypted text are named `*_stored`; one without a `Secret` would be left behind."""
    for model in apps.get_models():
        columns = {
            field.name
            for field in model._meta.get_fields()
            if isinstance(field, models.TextField) and field.name.endswith("_stored")
        }
        assert columns == {secret.column for secret in secrets_of(model)}, model
