"""E-mail about what stands above the pages, for those who are not looking at one.

A message is a row: made once for each occurrence of a key and subject, sent outside any transaction, tried
again by rows. A worker killed between the mail server's answer and our own note sends the same message again,
under the same Message-ID.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.functions import Now

from erp import clock
from erp.accounts.models import Company, Role, User
from erp.attention.board import Board, everything_of
from erp.attention.models import OwedMail
from erp.attention.register import MailText
from erp.leases import LeasedQuerySet

logger = logging.getLogger(__name__)

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
Occurrence = tuple[str, str, str]  # key, subject, occurrence


def mails_owe() -> None:
    """Make the rows of what is to be told and was not yet."""
    for company in Company.objects.order_by("pk"):
        if told := _told(company):
            rows = OwedMail.objects.filter(company=company, occurrence__in=[last for _, _, last in told])
            known = set(rows.values_list("key", "subject", "occurrence"))
            OwedMail.objects.bulk_create(
                [
                    OwedMail(company=company, key=key, subject=subject, occurrence=occurrence)
                    for key, subject, occurrence in told
                    if (key, subject, occurrence) not in known
                ],
                ignore_conflicts=True,
            )


def mails_send() -> int:
    """Send what waits, where there is a mail server; returns how many messages left."""
    return sum(_send(owed) for owed in _claims()) if settings.EMAIL_ENABLED else 0


def _told(company: Company) -> dict[Occurrence, MailText]:
    """What holds now and is told by e-mail."""
    banners = Board(everything_of(company)).banners
    return {(item.key, item.subject, item.mail.occurrence): item.mail for item in banners if item.mail}


def _sendable() -> LeasedQuerySet[OwedMail]:
    return OwedMail.objects.free().filter(clock.reached("due_at", DELAYS[-1]), closed_at__isnull=True)


def _claims() -> Iterator[OwedMail]:
    """Each row that waits, claimed."""
    for pk in list(_sendable().order_by("due_at").values_list("pk", flat=True)):
        if token := _sendable().filter(pk=pk).claim():
            yield from OwedMail.objects.filter(pk=pk).held(token).select_related("company")


def _send(owed: OwedMail) -> bool:
    row = OwedMail.objects.filter(pk=owed.pk)
    text = _told(owed.company).get((owed.key, owed.subject, owed.occurrence))
    if text is None:
        row.release(owed.lease_token, closed_at=Now())
        return False
    addresses = _addresses(owed.company)
    try:
        if addresses:
            _message(owed, text, addresses).send()
    except Exception as error:
        # The error's own text may quote an address.
        logger.warning("Mail %s was not sent: %s", owed.pk, type(error).__name__)
        delay = DELAYS[min(owed.attempts, len(DELAYS) - 1)]
        row.release(
            owed.lease_token,
            attempts=owed.attempts + 1,
            due_at=clock.after(delay),
            last_error=type(error).__name__[:60],
        )
        return False
    row.release(owed.lease_token, closed_at=Now(), recipients=len(addresses), last_error="")
    return bool(addresses)


def _addresses(company: Company) -> list[str]:
    """Of the administrators that have one."""
    people = User.objects.filter(company=company, role=Role.ADMIN, is_active=True)
    return sorted(set(people.exclude(email="").values_list("email", flat=True)))


def _message(owed: OwedMail, text: MailText, addresses: list[str]) -> EmailMessage:
    digest = hashlib.sha256(f"{owed.pk}:{owed}".encode()).hexdigest()[:32]
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    # A name somebody typed may hold a line break, which no header may.
    subject = " ".join(text.subject.split())
    return EmailMessage(subject, text.body, to=addresses, headers={"Message-ID": f"<{digest}@{host}>"})
