"""What stores saved under the first edition of the codes takes the second's place (contract section 4)."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db.models import JSONField, Value

from erp.accounts.models import Store
from kwai_integration.models import KwaiOrder, KwaiSettings, StatusMapping
from kwai_integration.situations import default_situations
from kwai_integration.wire.codes import PAID_ROLES, SITUATIONS, KwaiRole
from tests.kwai_integration.inbound.conftest import FETCHED

pytestmark = pytest.mark.django_db
MIGRATION = import_module("kwai_integration.migrations.0009_second_edition_mappings")
ALL = ["awaiting_payment", "payable", "shipped", "delivered", "cancelled"]


@pytest.fixture
def former(store: Store) -> Store:
    """A store as the first edition left it."""
    KwaiSettings.objects.create(store=store, import_roles=ALL)
    StatusMapping.objects.bulk_create(
        StatusMapping(store=store, remote_code=code, status=status)
        for code, status in MIGRATION.FIRST_DEFAULTS.items()
    )
    return store


def mapped(store: Store) -> dict[str, str]:
    return dict(StatusMapping.objects.filter(store=store).values_list("remote_code", "status"))


def test_the_defaults_of_the_migration_are_those_of_the_product():
    assert {code: str(status) for code, status in default_situations().items()} == MIGRATION.SECOND_DEFAULTS
    assert list(KwaiRole) == MIGRATION.SECOND_ROLES
    assert MIGRATION.ROLES["payable"] == list(PAID_ROLES)


def test_untouched_rows_take_the_new_defaults_and_invented_codes_go(former):
    MIGRATION.forwards(apps, None)
    assert mapped(former) == MIGRATION.SECOND_DEFAULTS
    assert not StatusMapping.objects.filter(needs_check=True).exists()


@pytest.mark.parametrize(
    ("code", "status"), [("30", "preparing"), ("80", "open"), ("33", "approved"), ("60", "incomplete")]
)
def test_a_row_somebody_chose_stays_is_marked_and_named(former, code, status):
    StatusMapping.objects.update_or_create(store=former, remote_code=code, defaults={"status": status})
    rows = {row.remote_code: row for row in StatusMapping.objects.all()}
    assert MIGRATION._mappings_move(StatusMapping, former.pk, rows) == [code]
    row = StatusMapping.objects.get(remote_code=code)
    assert (row.status, row.needs_check) == (status, True)
    assert set(mapped(former)) == set(SITUATIONS) | {code}


@pytest.mark.parametrize(
    ("stored", "moved"),
    [
        (ALL, list(KwaiRole)),
        (["payable"], list(PAID_ROLES)),
        (["delivered", "shipped"], ["shipped", "delivered", "completed"]),
        (["cancelled"], ["closed"]),
        ([], []),
        (["payable"] * 3, list(PAID_ROLES)),
        ([["x"], "payable", None], list(PAID_ROLES)),
        (["payable", "foo"], list(PAID_ROLES)),
        (["foo"], list(KwaiRole)),
        ([None], list(KwaiRole)),
        (None, list(KwaiRole)),
        (5, list(KwaiRole)),
        ("payable", list(KwaiRole)),
        ({"payable": 1}, list(KwaiRole)),
    ],
)
def test_situations_that_are_imported_keep_their_meaning(former, stored, moved):
    KwaiSettings.objects.update(import_roles=Value(stored, JSONField()))
    MIGRATION.forwards(apps, None)
    assert KwaiSettings.objects.get().import_roles == moved


@pytest.mark.parametrize(("orders", "mark"), [(0, None), (1, 0)])
def test_only_stores_with_orders_are_judged_again(former, orders, mark):
    KwaiOrder.objects.bulk_create(
        KwaiOrder(store=former, external_id=str(number), fetch_started_at=FETCHED) for number in range(orders)
    )
    MIGRATION.forwards(apps, None)
    assert KwaiSettings.objects.get().judged_up_to == mark


def test_a_store_without_settings_has_its_mappings_moved(former):
    KwaiSettings.objects.all().delete()
    MIGRATION.forwards(apps, None)
    assert mapped(former) == MIGRATION.SECOND_DEFAULTS


def test_a_store_without_mappings_gets_them_all(former):
    StatusMapping.objects.all().delete()
    MIGRATION.forwards(apps, None)
    assert mapped(former) == MIGRATION.SECOND_DEFAULTS
