"""One entry that the database refuses does not hold up the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from erp.accounts.models import Company, Store
from kwai_integration.inbound.isolation import failing_isolate

pytestmark = pytest.mark.django_db


def test_the_poison_is_alone_and_the_rest_is_written_once(company: Company) -> None:
    Store.objects.create(company=company, name="loja 17")

    def write(names: Sequence[str]) -> int:
        return len(Store.objects.bulk_create([Store(company=company, name=name) for name in names]))

    poisoned: list[str] = []
    names = [f"loja {number}" for number in range(50)]
    counts = failing_isolate(names, write, lambda name: poisoned.append(name) or 0)
    assert poisoned == ["loja 17"]
    assert sum(counts) == 49
    assert Store.objects.count() == 50


@pytest.mark.parametrize("trouble", [OperationalError, SoftTimeLimitExceeded, MemoryError])
def test_trouble_of_our_own_blames_nobody(company: Company, trouble: type[Exception]) -> None:
    def write(names: Sequence[str]) -> None:
        raise trouble

    with pytest.raises(trouble):
        failing_isolate(["a", "b"], write, lambda name: pytest.fail(f"{name} was blamed"))
