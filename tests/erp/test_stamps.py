"""Rows that pages watch: whoever writes one, its `updated_at` moves, and the stamp over it is another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from erp.accounts.models import Store
from erp.rows import rows_update
from erp.stamps import NEWEST, Stamped, StampsUpdate, stamps_read
from erp.stock.models import Warehouse

LONG_AGO = timezone.now() - timedelta(days=400)


def saved(store: Store) -> None:
    store.name = "Outra"
    store.save()


def partly_saved(store: Store) -> None:
    store.name = "Outra"
    store.save(update_fields=["name"])


def updated(store: Store) -> None:
    Store.objects.filter(pk=store.pk).update(name="Outra")


def updated_together(store: Store) -> None:
    store.name = "Outra"
    rows_update([store], ["name"])


def made_again(store: Store) -> None:
    Store.objects.update_or_create(pk=store.pk, defaults={"name": "Outra"})


@pytest.mark.django_db
@pytest.mark.parametrize("write", [saved, partly_saved, updated, updated_together, made_again])
def test_every_way_of_writing_moves_it(write: Callable[[Store], None], store: Store) -> None:
    QuerySet.update(Store.objects.filter(pk=store.pk), updated_at=LONG_AGO)
    store.refresh_from_db()
    before = stamp(Store.objects.all())
    write(store)
    store.refresh_from_db()
    assert timezone.now() - store.updated_at < timedelta(minutes=1)
    assert stamp(Store.objects.all()) != before


def test_every_watched_model_is_written_by_a_manager_that_stamps() -> None:
    stamped = [model for model in apps.get_models() if issubclass(model, Stamped)]
    assert len(stamped) > 10
    assert [
        model for model in stamped if not isinstance(model._default_manager.get_queryset(), StampsUpdate)
    ] == []


def stamp(rows: QuerySet[Any]) -> str:
    return stamps_read({"x": [rows]})["x"]


@pytest.mark.django_db
def test_a_stamp_stays_while_nothing_happens_and_knows_rows_that_come_and_go(
    store: Store, company: Any
) -> None:
    first = stamp(Store.objects.all())
    assert first == stamp(Store.objects.all()) != ""
    second = Store.objects.create(company=company, name="Segunda")
    with_two = stamp(Store.objects.all())
    assert with_two != first
    second.delete()
    assert stamp(Store.objects.all()) == first
    assert stamp(Store.objects.none()) == ""


@pytest.mark.django_db
def test_what_ends_after_a_later_one_began_is_news_too(store: Store, company: Any) -> None:
    """The last instant stays what it was."""
    other = Store.objects.create(company=company, name="Segunda")
    now = timezone.now()
    QuerySet.update(Store.objects.filter(pk=other.pk), updated_at=now)
    before = stamp(Store.objects.all())
    QuerySet.update(Store.objects.filter(pk=store.pk), updated_at=now - timedelta(seconds=3))
    assert stamp(Store.objects.all()) != before


@pytest.mark.django_db
def test_what_a_clock_that_was_ahead_has_written_hides_nothing(company: Any) -> None:
    stores = [Store.objects.create(company=company, name=f"Loja {number}") for number in range(NEWEST + 1)]
    ahead = timezone.now() + timedelta(days=365)
    QuerySet.update(Store.objects.filter(pk__in=[each.pk for each in stores[1:]]), updated_at=ahead)
    before = stamp(Store.objects.all())
    Store.objects.filter(pk=stores[0].pk).update(name="Mudou")
    after = stamp(Store.objects.all())
    assert after != before
    Store.objects.filter(pk=stores[5].pk).update(name="Mudou também")
    assert stamp(Store.objects.all()) != after


@pytest.mark.django_db
def test_groups_are_read_together_and_rows_without_a_stamp_tell_of_new_ones(
    store: Store, company: Any, django_assert_num_queries: Any
) -> None:
    groups = {"stores": [Store.objects.all()], "places": [Warehouse.objects.all()], "none": []}
    with django_assert_num_queries(1):
        before = stamps_read(groups)
    Warehouse.objects.create(company=company, name="Novo")
    after = stamps_read(groups)
    assert (after["stores"], after["none"]) == (before["stores"], "")
    assert after["places"] != before["places"]


@pytest.mark.django_db
def test_it_is_the_time_of_the_database(store: Store) -> None:
    store.save()
    assert Store.objects.filter(updated_at__lte=Now()).exists()
