"""`rows_update` writes what Django's `bulk_update` writes and `rows_insert` what `bulk_create` does, on the
database the suite runs on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection, models, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erp.accounts.models import AppendOnlyError, AuditEntry, Company, Store
from erp.rows import rows_insert, rows_update, rows_values

pytestmark = pytest.mark.django_db


class Colour(models.TextChoices):
    RED = "red", "Vermelho"
    BLUE = "blue", "Azul"


class EveryKind(models.Model):
    """One column of each kind the product has."""

    words = models.CharField(max_length=40, default="")
    colour = models.CharField(max_length=8, choices=Colour.choices, default="")
    text = models.TextField(default="")
    number = models.BigIntegerField(null=True)
    small = models.PositiveSmallIntegerField(default=0)
    share = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    yes = models.BooleanField(default=False)
    moment = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    length = models.DurationField(null=True)
    token = models.UUIDField(null=True)
    data = models.JSONField(null=True)
    raw = models.BinaryField(null=True)
    store = models.ForeignKey(Store, on_delete=models.DO_NOTHING, null=True, db_constraint=False)

    class Meta:
        app_label = "rows_test"


FIELDS = [each.name for each in EveryKind._meta.fields if not each.primary_key]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "words": TEXT.map(lambda text: text[:40]),
    "colour": st.sampled_from([*Colour, "red", ""]),
    "text": TEXT,
    "number": st.none() | st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(0, 32767),
    "share": st.none() | st.decimals(-(10**9), 10**9, places=2),
    "yes": st.booleans(),
    "moment": st.none() | st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    "day": st.none() | st.dates(date(1990, 1, 1), date(2200, 1, 1)),
    "length": st.none() | st.timedeltas(timedelta(days=-1000), timedelta(days=1000)),
    "token": st.none() | st.uuids(),
    "data": st.none() | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXT, SCALARS, max_size=3),
    "raw": st.none() | st.binary(max_size=20),
    "store_id": st.none() | st.integers(1, 2**31),
}
ROW = st.fixed_dictionaries(VALUES)


@pytest.fixture
def table() -> Iterator[None]:
    sql, _ = connection.schema_editor().table_sql(EveryKind)
    with connection.cursor() as cursor:
        cursor.execute(sql)
        yield
        cursor.execute(f"DROP TABLE {EveryKind._meta.db_table}")


def stored() -> list[dict[str, Any]]:
    rows = EveryKind.objects.order_by("pk").values()
    return [{name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()} for row in rows]


@given(before=st.lists(ROW, min_size=1, max_size=4), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_writes_what_bulk_update_writes(table: None, before: list[dict[str, Any]], data: Any) -> None:
    fields = data.draw(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True))
    rows = EveryKind.objects.bulk_create(EveryKind(**values) for values in before)
    left_alone = EveryKind.objects.create()
    for row in rows:
        for name, value in data.draw(ROW).items():
            setattr(row, name, value)
    answers = []
    for write in (EveryKind.objects.bulk_update, rows_update):
        with transaction.atomic():
            assert write(rows, fields) == len(rows)
            answers.append(stored())
            transaction.set_rollback(True)
    assert answers[0] == answers[1]
    EveryKind.objects.filter(pk__in=[each.pk for each in [*rows, left_alone]]).delete()


def test_a_value_too_long_is_refused_and_never_cut(table: None) -> None:
    row = EveryKind.objects.create(words="a")
    row.words = "b" * 41
    if connection.vendor == "postgresql":
        with pytest.raises(DataError), transaction.atomic():
            rows_update([row], ["words"])
    else:
        rows_update([row], ["words"])
        assert stored()[0]["words"] == "b" * 41


def test_only_what_changed_is_written(table: None) -> None:
    rows = EveryKind.objects.bulk_create(EveryKind(words=str(n), number=n) for n in range(3))
    before = rows_values(rows, FIELDS)
    with CaptureQueriesContext(connection) as nothing:
        assert rows_update(rows, FIELDS, before=before) == 0
    assert not nothing.captured_queries
    rows[1].number = 7
    with CaptureQueriesContext(connection) as one:
        assert rows_update(rows, FIELDS, before=before) == 1
    updates = [each["sql"] for each in one.captured_queries if each["sql"].startswith("UPDATE")]
    assert len(updates) == 1
    assert "number" in updates[0]
    assert "words" not in updates[0]
    assert [each["number"] for each in stored()] == [0, 7, 2]


def test_an_expression_is_worked_out_by_the_database(table: None) -> None:
    rows = EveryKind.objects.bulk_create(EveryKind(number=n, words=str(n)) for n in range(3))
    for row in rows:
        row.moment, row.number, row.words = Now(), F("number") + 10, f"nova {row.pk}"
    assert rows_update(rows, ["moment", "number", "words"]) == 3
    assert [(each["number"], each["words"]) for each in stored()] == [
        (10 + n, f"nova {row.pk}") for n, row in enumerate(rows)
    ]
    assert all(abs(each["moment"] - timezone.now()) < timedelta(minutes=1) for each in stored())


def test_rows_that_differ_in_an_expression_are_refused(table: None) -> None:
    rows = EveryKind.objects.bulk_create(EveryKind() for _ in range(2))
    rows[0].moment = Now()
    with pytest.raises(ValueError, match="moment holds an expression"):
        rows_update(rows, ["moment"])
    assert [each["moment"] for each in stored()] == [None, None]


def test_a_row_that_is_gone_is_left_out(table: None) -> None:
    rows = EveryKind.objects.bulk_create(EveryKind(number=n) for n in range(2))
    EveryKind.objects.filter(pk=rows[0].pk).delete()
    for row in rows:
        row.number = 9
    assert rows_update(rows, ["number"]) == 1
    assert [each["number"] for each in stored()] == [9]


def test_what_somebody_filled_meanwhile_stays(table: None) -> None:
    rows = EveryKind.objects.bulk_create(EveryKind() for _ in range(2))
    EveryKind.objects.filter(pk=rows[0].pk).update(number=1)
    for row in rows:
        row.number = 9
    assert rows_update(rows, ["number"], while_empty="number") == 1
    assert [each["number"] for each in stored()] == [1, 9]


def test_many_rows_are_written_whole(table: None) -> None:
    """More values than one statement of SQLite takes."""
    rows = EveryKind.objects.bulk_create(EveryKind(number=n) for n in range(1200))
    for row in rows:
        row.number, row.token, row.data = -row.pk, uuid.uuid4(), {"n": row.pk}
    assert rows_update(rows, ["number", "token", "data"]) == 1200
    assert [(each["number"], each["data"]) for each in stored()] == [(-r.pk, {"n": r.pk}) for r in rows]


def test_one_statement_a_page(table: None) -> None:
    rows = EveryKind.objects.bulk_create(EveryKind(number=n, share=Decimal("1.5")) for n in range(50))
    with CaptureQueriesContext(connection) as asked:
        rows_update(rows, FIELDS[:10])
    assert len([each for each in asked.captured_queries if each["sql"].startswith("UPDATE")]) == 1


def test_an_unsaved_relation_is_refused(table: None, company: Company) -> None:
    row = EveryKind.objects.create()
    row.store = Store(company=company, name="sem id", channel="kwai")
    with pytest.raises(ValueError, match="unsaved related object"):
        rows_update([row], ["store"])
    row.store.save()
    rows_update([row], ["store"])
    assert stored()[0]["store_id"] == row.store.pk


def test_append_only_rows_stay_as_they_are(company: Company) -> None:
    event = AuditEntry(company=company, action="x", subject="y", text="z")
    event.save()
    event.text = "outro"
    with pytest.raises(AppendOnlyError):
        rows_update([event], ["text"])


@given(values=st.lists(ROW, min_size=1, max_size=4), ids=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_inserts_what_bulk_create_inserts(table: None, values: list[dict[str, Any]], ids: bool) -> None:
    answers = []
    for insert in (EveryKind.objects.bulk_create, lambda rows: rows_insert(rows, ids=ids)):
        with transaction.atomic():
            rows = insert([EveryKind(**each) for each in values])
            answers.append([{**row, "id": 0} for row in stored()])
            pks = list(EveryKind.objects.order_by("pk").values_list("pk", flat=True))
            if ids or connection.vendor == "sqlite":
                assert [row.pk for row in rows] == pks
            transaction.set_rollback(True)
    assert answers[0] == answers[1]


def test_inserted_rows_are_stored_ones(table: None) -> None:
    (row,) = rows_insert([EveryKind(number=1)])
    row.number = 2
    row.save()
    assert [each["number"] for each in stored()] == [2]
    assert rows_insert([]) == []


def test_an_inserted_value_too_long_is_refused(table: None) -> None:
    if connection.vendor == "postgresql":
        with pytest.raises(DataError), transaction.atomic():
            rows_insert([EveryKind(words="b" * 41)])
        assert stored() == []


def test_an_unsaved_relation_is_refused_on_inserting(table: None, company: Company) -> None:
    store = Store(company=company, name="sem id", channel="kwai")
    row = EveryKind(store=store)
    with pytest.raises(ValueError, match="unsaved related object"):
        rows_insert([row])
    store.save()
    rows_insert([row])
    assert stored()[0]["store_id"] == store.pk


@pytest.mark.services
def test_an_expression_is_refused_on_inserting(table: None) -> None:
    with pytest.raises(ValueError, match="moment holds an expression"):
        rows_insert([EveryKind(moment=Now()), EveryKind()])
