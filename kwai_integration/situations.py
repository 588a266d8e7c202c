"""The tables of `wire.codes` as this installation and its stores have them.

A setting corrects a table for everybody. A code without a role may be given one by a person, per store
(*Mapeamentos*, "o que ela significa no Kwai"); the role of a known code is never changed on a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from django.conf import settings
from django.db.models import OuterRef, Subquery

from erp.sales.statuses import OrderStatus
from kwai_integration.models import StatusMapping
from kwai_integration.wire.codes import (
    KwaiRole,
    ResultTable,
    SituationTable,
    result_table,
    situation_table,
)

# What a role becomes here until a store decides otherwise (contract 3.1, last column).
DEFAULT_STATUSES: Mapping[KwaiRole, OrderStatus] = {
    KwaiRole.AWAITING_PAYMENT: OrderStatus.OPEN,
    KwaiRole.AWAITING_INVOICE: OrderStatus.APPROVED,
    KwaiRole.TO_ARRANGE: OrderStatus.APPROVED,
    KwaiRole.AWAITING_PICKUP: OrderStatus.READY_TO_SHIP,
    KwaiRole.PACKED: OrderStatus.READY_TO_SHIP,
    KwaiRole.SHIPPED: OrderStatus.SHIPPED,
    KwaiRole.DELIVERED: OrderStatus.DELIVERED,
    KwaiRole.COMPLETED: OrderStatus.DELIVERED,
    KwaiRole.CLOSED: OrderStatus.CANCELLED,
}


def situations() -> SituationTable:
    """The situations in force. The setting was checked at start-up."""
    return situation_table(settings.KWAI_STATUS_ROLES)


def situation_label(code: str, role: KwaiRole | None) -> str:
    """What pages call a situation of a store that gives it `role`: a code only a person named is called by
    what that person said it means."""
    table = situations()
    if role is None or code in table.rows:
        return table.label(code)
    return f"{table.role_label(role)} ({code})"


def results() -> ResultTable:
    """The result codes in force. The setting was checked at start-up."""
    return result_table(settings.KWAI_RESULT_ROLES)


def default_situations() -> dict[str, OrderStatus]:
    """Remote code -> ERP situation, for every code of the table."""
    return {row.code: DEFAULT_STATUSES[row.role] for row in situations().rows.values()}


def roles_of(store_ids: Collection[int]) -> dict[int, dict[str, KwaiRole]]:
    """Per store the role of every code that has one, by table or by a person; one query."""
    chosen = StatusMapping.objects.filter(store_id__in=store_ids).exclude(role="")
    return roles_from(chosen, store_ids)


def roles_from(rows: Iterable[StatusMapping], store_ids: Collection[int]) -> dict[int, dict[str, KwaiRole]]:
    """As `roles_of`, from mappings that were read already."""
    table = situations()
    found: dict[int, dict[str, KwaiRole]] = {store_id: dict(table.roles) for store_id in store_ids}
    for row in rows:
        if row.role:
            found[row.store_id].setdefault(row.remote_code, KwaiRole(row.role))
    return found


def chosen_role(remote: str = "") -> Subquery:
    """For a query over `KwaiOrder` rows, or over rows of which `remote` leads there: the role that a person
    gave the code of each; see `role_of`."""
    code = OuterRef(f"{remote}remote_status")
    own = StatusMapping.objects.filter(store=OuterRef("store"), remote_code=code)
    return Subquery(own.values("role")[:1])


def role_of(code: str, chosen: str | None) -> KwaiRole | None:
    """The role of a code, by table, else the one a person chose."""
    return situations().roles.get(code) or (KwaiRole(chosen) if chosen else None)


class _StoreRoles(Mapping[str, KwaiRole]):
    """What people chose is read once somebody asks for a code that the table does not know."""

    def __init__(self, store_id: int) -> None:
        self._store_id = store_id
        self._table = situations().roles

    @cached_property
    def _all(self) -> Mapping[str, KwaiRole]:
        return roles_of([self._store_id])[self._store_id]

    def __getitem__(self, code: str) -> KwaiRole:
        return self._table[code] if code in self._table else self._all[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def store_roles(store_id: int) -> Mapping[str, KwaiRole]:
    """As `roles_of`, for one store."""
    return _StoreRoles(store_id)
