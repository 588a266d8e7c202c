"""The import filter: in which situations of the platform a store receives a new order."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q

from erp.refusals import NO_REFUSAL, Refusal
from kwai_integration import refusals
from kwai_integration.models import KwaiOrder, KwaiOrderState, KwaiSettings, StatusMapping
from kwai_integration.situations import roles_from, situations
from kwai_integration.wire.codes import KwaiRole

WAITING_STATES = (KwaiOrderState.STAGED, KwaiOrderState.UNLINKED, KwaiOrderState.QUARANTINED)


def filter_refusal(row: KwaiOrder, roles: Mapping[int, Mapping[str, KwaiRole]]) -> Refusal:
    """Why `row` stays outside for now; `roles` as `situations.roles_of` answers. A code
    without a role passes: nothing unknown may stop an import."""
    role = roles[row.store_id].get(row.remote_status)
    options = getattr(row.store, "kwai_settings", None)
    if row.order_id or role is None or options is None or role in options.import_roles:
        return NO_REFUSAL
    return refusals.FILTERED.of(role=situations().role_label(role))


def waits_for_person() -> Q:
    """`KwaiOrder` rows somebody can do something about; what is kept outside moves by itself."""
    return Q(state__in=WAITING_STATES) & ~filtered_out()


def filtered_out() -> Q:
    """`KwaiOrder` rows of any store that `filter_refusal` keeps outside."""
    outside, wanted_by = Q(pk__in=[]), dict[int, list[str]]()
    chosen: list[StatusMapping] = []
    mapped = ("store__status_mappings__remote_code", "store__status_mappings__role")
    for store_id, wanted, code, role in KwaiSettings.objects.values_list("pk", "import_roles", *mapped):
        wanted_by[store_id] = wanted
        chosen += [StatusMapping(store_id=store_id, remote_code=code, role=role)] if role else []
    roles = roles_from(chosen, wanted_by)
    for store_id, wanted in wanted_by.items():
        shut = [code for code, role in roles[store_id].items() if role not in wanted]
        if shut:
            outside |= Q(store_id=store_id, order__isnull=True, remote_status__in=shut)
    return outside
