"""A process that dies by SIGKILL inside the transaction of the third note of a ZIP,
`python -m tests.invoices.killed_import COMPANY_ID FILE`."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path

if __name__ == "__main__":
    import django

    django.setup()
    from erp.accounts.models import Company, User
    from erp.sales.models import Order
    from invoices import services
    from invoices.imports import invoices_import
    from invoices.models import Invoice

    calls = count(1)
    link = services.invoice_place_locked

    def die_at_the_third(invoice: Invoice, order: Order, user: User | None) -> None:
        link(invoice, order, user)
        if next(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    services.invoice_place_locked = die_at_the_third
    with Path(sys.argv[2]).open("rb") as archive:
        invoices_import(company=Company.objects.get(pk=sys.argv[1]), files=[("lote.zip", archive)], user=None)
