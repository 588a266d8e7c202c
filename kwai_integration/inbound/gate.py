"""The import gate: in which situations of the platform a store receives a new order."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q

from kwai_integration.client.codes import ROLE_LABELS, status_roles
from kwai_integration.models import KwaiOrder, KwaiSettings


def gate_refusal(row: KwaiOrder) -> str:
    """Why `row` stays outside for now, or an empty text. A code without a role passes: nothing unknown may
    stop an import."""
    role = status_roles(settings.KWAI_STATUS_ROLES).get(row.remote_status)
    options = getattr(row.store, "kwai_settings", None)
    if row.order_id or role is None or options is None or role in options.import_roles:
        return ""
    return (
        f"A loja não recebe pedidos na situação {ROLE_LABELS[role]}; este segue quando mudar. "
        "Para receber já, marque a situação em Integrações › Pedidos."
    )


def outside_gate() -> Q:
    """`KwaiOrder` rows of any store that `gate_refusal` keeps outside."""
    roles = status_roles(settings.KWAI_STATUS_ROLES)
    outside = Q(pk__in=[])
    for store_id, wanted in KwaiSettings.objects.values_list("pk", "import_roles"):
        shut = [code for code, role in roles.items() if role not in wanted]
        if shut:
            outside |= Q(store_id=store_id, order__isnull=True, remote_status__in=shut)
    return outside
