"""The import gate: in which situations of the platform a store receives a new order."""

from __future__ import annotations

from django.db.models import Q

from kwai_integration.models import KwaiOrder, KwaiSettings
from kwai_integration.situations import situations


def gate_refusal(row: KwaiOrder) -> str:
    """Why `row` stays outside for now, or an empty text. A code without a role passes: nothing unknown may
    stop an import."""
    role = situations().role(row.remote_status)
    options = getattr(row.store, "kwai_settings", None)
    if row.order_id or role is None or options is None or role in options.import_roles:
        return ""
    return (
        f"A loja não recebe pedidos na situação {situations().role_label(role)}; este segue quando mudar. "
        "Para receber já, marque a situação em Integrações › Pedidos."
    )


def outside_gate() -> Q:
    """`KwaiOrder` rows of any store that `gate_refusal` keeps outside."""
    table, outside = situations(), Q(pk__in=[])
    for store_id, wanted in KwaiSettings.objects.values_list("pk", "import_roles"):
        shut = [code for code, role in table.roles.items() if role not in wanted]
        if shut:
            outside |= Q(store_id=store_id, order__isnull=True, remote_status__in=shut)
    return outside
