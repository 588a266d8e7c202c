"""Files the validation refused: kept with their reasons, within bounds that no upload can pass."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.db.models import F, Sum, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from erp.accounts.models import Company, User
from erp.brazil.documents import AccessKey, DocumentInvalid
from erp.sales.models import Order
from invoices.intake.parser import MAX_BYTES
from invoices.intake.rules import InvoiceCheck
from invoices.models import RefusedFile

KEPT_FILES: Final = 2_000
"""Refused files kept per company, the newest."""

KEPT_BYTES: Final = 100 * 1024 * 1024
"""Their bytes together, likewise per company."""

# Where a note and an event have the key in quotes; it is shown as a claim, never trusted.
_KEY: Final = re.compile(rb"""Id\s*=\s*["'](?:NFe|ID[0-9]{6})([0-9]{6}[0-9A-Z]{12}[0-9]{26})[0-9]{0,3}["']""")


@transaction.atomic
def refused_file_keep(
    *,
    company: Company,
    name: str,
    content: bytes,
    checks: Sequence[InvoiceCheck],
    user: User | None,
    order: Order | None = None,
) -> RefusedFile:
    """Keep one refused file, or count it again when the same bytes are there.

    `checks` may hold passed ones: only refusals become reasons. Bytes past `MAX_BYTES` are not kept.
    """
    values = {
        "store_id": order.store_id if order else None,
        "order": order,
        "file_name": name,
        "reasons": _reasons(checks),
        "sent_by": user,
        "last_sent_at": timezone.now(),
    }
    row, created = RefusedFile.objects.get_or_create(
        company=company,
        sha256=hashlib.sha256(content).hexdigest(),
        defaults={
            **values,
            **_claims(content),
            "size": len(content),
            "content": content if len(content) <= MAX_BYTES else None,
        },
    )
    if created:
        _drop_beyond_caps(company)
    else:
        RefusedFile.objects.filter(pk=row.pk).update(**values, times=F("times") + 1)
    return row


def refused_file_forget(*, company: Company, content: bytes) -> None:
    """Drop the row of bytes that were accepted after all."""
    RefusedFile.objects.filter(company=company, sha256=hashlib.sha256(content).hexdigest()).delete()


def _reasons(checks: Sequence[InvoiceCheck]) -> list[dict[str, str]]:
    refusals = [(check, check.finding) for check in checks if check.finding is not None and check.refuses]
    return [
        {"code": check.code, "label": check.label, "text": finding.message} for check, finding in refusals
    ]


def _claims(content: bytes) -> dict[str, object]:
    """The key the file claims, for lists and search; empty when there is none that could be one."""
    found = _KEY.search(content[:MAX_BYTES])
    try:
        key = AccessKey.parse(found[1].decode()) if found else None
    except DocumentInvalid:
        key = None
    return {"access_key": str(key), "number": key.number, "series": key.series} if key else {}


def _drop_beyond_caps(company: Company) -> None:
    newest = [F("last_sent_at").desc(), F("pk").desc()]
    kept = RefusedFile.objects.filter(company=company).annotate(
        place=Window(RowNumber(), order_by=newest), bytes_so_far=Window(Sum("size"), order_by=newest)
    )
    too_many = kept.filter(place__gt=KEPT_FILES) | kept.filter(bytes_so_far__gt=KEPT_BYTES)
    ids = list(too_many.order_by().values_list("pk", flat=True))
    if ids:
        RefusedFile.objects.filter(pk__in=ids).delete()
