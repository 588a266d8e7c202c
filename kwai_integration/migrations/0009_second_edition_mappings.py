"""What stores saved under the first edition of the codes (contract section 4, row `orderStatus`).

Mapping rows that equal that edition's default take the new default, and codes it invented go. Any other row
keeps its value and is marked *confira*; one notice a store lists them. Stored answers are judged again in the
background (`inbound.judging`).
"""

from django.db import migrations

FIRST_DEFAULTS = {
    "10": "open",
    "30": "approved",
    "40": "shipped",
    "50": "delivered",
    "70": "delivered",
    "80": "cancelled",
}
SECOND_DEFAULTS = {
    "10": "open",
    "101": "approved",
    "102": "approved",
    "200": "ready_to_ship",
    "210": "ready_to_ship",
    "30": "shipped",
    "40": "delivered",
    "50": "delivered",
    "60": "cancelled",
}
ROLES = {
    "payable": ["awaiting_invoice", "to_arrange", "awaiting_pickup", "packed"],
    "delivered": ["delivered", "completed"],
    "cancelled": ["closed"],
}
FIRST_ROLES = {"awaiting_payment", "payable", "shipped", "delivered", "cancelled"}
SECOND_ROLES = [
    "awaiting_payment", "awaiting_invoice", "to_arrange", "awaiting_pickup", "packed", "shipped", "delivered",
    "completed", "closed",
]  # fmt: skip
NOTICE = (
    "As situações do Kwai mudaram com a segunda edição dos códigos. Confira em Mapeamentos estas, que alguém "
    "tinha escolhido: {codes}."
)


def forwards(apps, schema_editor):
    StatusMapping = apps.get_model("kwai_integration", "StatusMapping")
    KwaiSettings = apps.get_model("kwai_integration", "KwaiSettings")
    KwaiOrder = apps.get_model("kwai_integration", "KwaiOrder")
    for options in KwaiSettings.objects.all():
        rows = {row.remote_code: row for row in StatusMapping.objects.filter(store_id=options.pk)}
        chosen = _mappings_move(StatusMapping, options.pk, rows)
        if chosen:
            _notice(apps, options.pk, chosen)
        options.import_roles = _roles(options.import_roles)
        if KwaiOrder.objects.filter(store_id=options.pk).exists():
            options.judged_up_to = 0
        options.save(update_fields=["import_roles", "judged_up_to"])


def _mappings_move(model, store_id, rows):
    """The codes whose rows an operator had chosen."""
    chosen = []
    for code, row in rows.items():
        if row.status != FIRST_DEFAULTS.get(code):
            row.needs_check = True
            chosen.append(code)
        elif code in SECOND_DEFAULTS:
            row.status = SECOND_DEFAULTS[code]
        else:
            row.delete()
            continue
        row.save(update_fields=["status", "needs_check"])
    model.objects.bulk_create(
        model(store_id=store_id, remote_code=code, status=status)
        for code, status in SECOND_DEFAULTS.items()
        if code not in rows
    )
    return sorted(chosen)


def _roles(stored):
    if set(stored) >= FIRST_ROLES:
        return list(SECOND_ROLES)
    moved = [new for old in stored for new in ROLES.get(old, [old])]
    return [role for role in SECOND_ROLES if role in moved]


def _notice(apps, store_id, codes):
    apps.get_model("kwai_integration", "StoreNotice").objects.get_or_create(
        store_id=store_id,
        key="edition-2-mappings",
        defaults={"text": NOTICE.format(codes=", ".join(codes))[:500]},
    )


class Migration(migrations.Migration):
    dependencies = [("kwai_integration", "0008_edition_two")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
