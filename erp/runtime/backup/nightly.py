"""The copy of each night, and who hears when there is none."""

from __future__ import annotations

import logging

from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from erp.accounts.models import Company
from erp.attention.conditions import condition_open, condition_withdraw
from erp.runtime.backup.refusals import BackupBusy, BackupRefused
from erp.runtime.backup.services import backup_make, nightly_is_due

logger = logging.getLogger(__name__)

BACKUP_FAILED = "runtime.backup_failed"
TOO_LONG = (
    "A cópia não foi feita: leva mais tempo do que uma tarefa tem. Execute o comando backup pelo cron do "
    "servidor."
)


def backup_nightly() -> None:
    """Make it when it is due; what failed is tried again in an hour and stands above the pages until then."""
    if not nightly_is_due(timezone.now()):
        return
    try:
        backup_make(nightly=True)
    except BackupBusy:
        return
    except SoftTimeLimitExceeded:
        _failed(TOO_LONG)
    except BackupRefused as error:
        _failed(str(error))
    else:
        for company in Company.objects.all():
            condition_withdraw(key=BACKUP_FAILED, subject=_subject(company))


def _failed(sentence: str) -> None:
    logger.error("Nightly backup: %s", sentence)
    text = f"Cópia de segurança: {sentence}"[:500]
    for company in Company.objects.all():
        condition_open(key=BACKUP_FAILED, subject=_subject(company), text=text, company_id=company.pk)


def _subject(company: Company) -> str:
    return f"company:{company.pk}"
