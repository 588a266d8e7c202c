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
    # A store may have mappings and no settings yet.
    for store_id in sorted(set(StatusMapping.objects.values_list("store_id", flat=True))):
        _store_move(apps, StatusMapping, store_id)
    for options in KwaiSettings.objects.all():
        if not StatusMapping.objects.filter(store_id=options.pk).exists():
            _store_move(apps, StatusMapping, options.pk)
        options.import_roles = _roles(options.import_roles)
        if KwaiOrder.objects.filter(store_id=options.pk).exists():
            options.judged_up_to = 0
        options.save(update_fields=["import_roles", "judged_up_to"])


def _store_move(apps, model, store_id):
    rows = {row.remote_code: row for row in model.objects.filter(store_id=store_id)}
    chosen = _mappings_move(model, store_id, rows)
    if chosen:
        _notice(apps, store_id, chosen)


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
        [
            model(store_id=store_id, remote_code=code, status=status)
            for code, status in SECOND_DEFAULTS.items()
            if code not in rows
        ],
        ignore_conflicts=True,
    )
    return sorted(chosen)


def _roles(stored):
    """What cannot be read names no choice: then every role counts, as in a new store."""
    if stored == []:
        return []
    named = {role for role in stored if isinstance(role, str)} if isinstance(stored, list) else FIRST_ROLES
    if named >= FIRST_ROLES:
        return list(SECOND_ROLES)
    moved = {new for old in named for new in ROLES.get(old, [old])}
    return [role for role in SECOND_ROLES if role in moved] or list(SECOND_ROLES)


def _notice(apps, store_id, codes):
    apps.get_model("kwai_integration", "StoreNotice").objects.get_or_create(
        store_id=store_id,
        key="edition-2-mappings",
        defaults={"text": NOTICE.format(codes=", ".join(codes))[:500]},
    )


class Migration(migrations.Migration):
    dependencies = [("kwai_integration", "0008_edition_two")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
