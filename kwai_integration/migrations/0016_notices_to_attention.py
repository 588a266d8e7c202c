"""Notices and warnings move to the register of what needs a person: what was read stays read, and a message
that was sent is not sent again."""

from django.db import migrations

NOTICES = {
    "edition-2-mappings": "kwai.mappings_to_check",
    "edition-2-orders": "kwai.orders_judged_again",
}
WARNINGS = {
    "days_30": "kwai.consent_ending",
    "days_7": "kwai.consent_ending",
    "days_1": "kwai.consent_last_day",
    "ended": "kwai.consent_ended",
}
MAIL_FIELDS = ("created_at", "due_at", "lease_until", "attempts", "closed_at", "recipients", "last_error")


def forwards(apps, schema_editor):
    notices = apps.get_model("kwai_integration", "StoreNotice").objects.select_related("store")
    apps.get_model("attention", "Condition").objects.bulk_create(
        [_condition(apps, notice) for notice in notices if notice.key in NOTICES], ignore_conflicts=True
    )
    warnings = apps.get_model("kwai_integration", "ConnectionWarning").objects
    apps.get_model("attention", "OwedMail").objects.bulk_create(
        [_mail(apps, warning) for warning in warnings.select_related("account__store")], ignore_conflicts=True
    )


def _condition(apps, notice):
    return apps.get_model("attention", "Condition")(
        key=NOTICES[notice.key],
        subject=f"store:{notice.store_id}",
        company_id=notice.store.company_id,
        store_id=notice.store_id,
        text=notice.text,
        opened_at=notice.created_at,
        seen_at=notice.created_at,
        withdrawn_at=notice.read_at,
        withdrawn_by_id=notice.read_by_id,
    )


def _mail(apps, warning):
    return apps.get_model("attention", "OwedMail")(
        key=WARNINGS[warning.kind],
        subject=f"store:{warning.account_id}",
        occurrence=warning.about if warning.kind == "ended" else f"{warning.kind} {warning.about}",
        company_id=warning.account.store.company_id,
        **{name: getattr(warning, name) for name in MAIL_FIELDS},
    )


def backwards(apps, schema_editor):
    conditions = apps.get_model("attention", "Condition").objects.filter(key__in=NOTICES.values())
    former = {key: name for name, key in NOTICES.items()}
    notices = apps.get_model("kwai_integration", "StoreNotice")
    for row in conditions:
        made = notices.objects.create(
            store_id=row.store_id,
            key=former[row.key],
            text=row.text,
            read_at=row.withdrawn_at,
            read_by_id=row.withdrawn_by_id,
        )
        notices.objects.filter(pk=made.pk).update(created_at=row.opened_at)
    mails = apps.get_model("attention", "OwedMail").objects.filter(key__in=WARNINGS.values())
    apps.get_model("kwai_integration", "ConnectionWarning").objects.bulk_create(
        [_warning(apps, row) for row in mails]
    )
    conditions.delete()
    mails.delete()


def _warning(apps, row):
    # "days_7 2026-12-01T12:00:00Z", or "pair 3" for an end.
    kind, _, about = row.occurrence.partition(" ")
    is_end = row.key == WARNINGS["ended"]
    return apps.get_model("kwai_integration", "ConnectionWarning")(
        account_id=int(row.subject.removeprefix("store:")),
        kind="ended" if is_end else kind,
        about=row.occurrence if is_end else about,
        **{name: getattr(row, name) for name in MAIL_FIELDS},
    )


class Migration(migrations.Migration):
    dependencies = [
        ("attention", "0001_initial"),
        ("kwai_integration", "0015_rename_steps_and_reports"),
    ]

    operations = [
        migrations.RunPython(forwards, backwards),
        migrations.DeleteModel("ConnectionWarning"),
        migrations.DeleteModel("StoreNotice"),
    ]
