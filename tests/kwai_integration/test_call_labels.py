"""A call that the platform closed is named on screens as people know it, reads included."""

from __future__ import annotations

from datetime import timedelta

import pytest

from erp import clock
from erp.accounts.models import Store, User
from erp.outbox import limits
from erp.outbox.statuses import WaitReason
from kwai_integration.connection_trouble import denied_sentence
from kwai_integration.models import KwaiAccount
from kwai_integration.push_trouble import quota_items
from kwai_integration.wire.endpoints import CALL_LABELS


@pytest.mark.django_db
@pytest.mark.parametrize("reason", [WaitReason.GRANT, WaitReason.QUOTA])
@pytest.mark.parametrize("call", CALL_LABELS)
def test_a_closed_call_is_shown_by_its_portuguese_name(
    store: Store, admin: User, call: str, reason: WaitReason
) -> None:
    KwaiAccount.objects.create(store=store)
    limits.hold(store_id=store.pk, call=call, until=clock.after(timedelta(minutes=1)), reason=reason)
    told = [item.sentence for item in quota_items(admin)]
    assert len(told) == (reason is WaitReason.QUOTA)
    for text in (*told, denied_sentence([call])):
        assert f"({CALL_LABELS[call]})" in text
        assert call not in text
