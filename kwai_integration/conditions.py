"""What a store should be told once: kept as conditions, because no row says it afterwards."""

from __future__ import annotations

from django.urls import reverse

from erp.accounts.permissions import Permission
from erp.attention.models import Condition
from erp.attention.register import ConditionSource, Repair, Severity, register

MAPPINGS_TO_CHECK = "kwai.mappings_to_check"
ORDERS_JUDGED_AGAIN = "kwai.orders_judged_again"


def conditions_register() -> None:
    register(
        ConditionSource(
            key=MAPPINGS_TO_CHECK,
            label="O que mudou",
            leads_to=_to_mappings,
            severity=Severity.INFO,
            permission=Permission.MANAGE,
        )
    )
    register(
        ConditionSource(
            key=ORDERS_JUDGED_AGAIN,
            label="O que mudou",
            leads_to=lambda row: Repair("Ver pedidos de venda", reverse("sales:orders")),
            severity=Severity.INFO,
            permission=Permission.MANAGE,
        )
    )


def _to_mappings(row: Condition) -> Repair:
    return Repair("Abrir Mapeamentos", reverse("kwai:store_step", args=[row.store_id, "mapeamentos"]))
