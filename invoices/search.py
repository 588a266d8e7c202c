"""What people type to find a note: its number, its key in any form, the recipient, the order's numbers."""

from __future__ import annotations

from django.db.models import Q

from erp.brazil.documents import AccessKey, DocumentInvalid

LARGEST_NUMBER = 999_999_999


def invoice_condition(text: str) -> Q:
    """Rows that match `text`; a whole access key, typed or scanned, matches exactly."""
    try:
        return Q(access_key=str(AccessKey.parse_typed(text)))
    except DocumentInvalid:
        pass
    condition = Q()
    for word in text.split()[:6]:
        condition &= _word(word)
    return condition


def _word(word: str) -> Q:
    found = Q(recipient_name__icontains=word) | Q(order__external_id=word) | Q(wanted_order__external_id=word)
    if word.isascii() and word.isdigit() and len(word) <= 9:
        found |= Q(number=int(word)) | Q(order__number=int(word))
    return found
