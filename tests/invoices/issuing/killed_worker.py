"""A worker process that dies by SIGKILL at a named place of an attempt,
`python -m tests.invoices.issuing.killed_worker ISSUE_ID PLACE VAR_DIR`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn


def die(*args: Any, **kwargs: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    import django

    django.setup()
    from django.conf import settings

    from invoices.issuing import issuers, services
    from invoices.issuing.demonstration.issuer import DemonstrationIssuer

    settings.VAR_DIR = sys.argv[3]
    issuers.issuer_register(DemonstrationIssuer())
    if sys.argv[2] == "numbered":
        DemonstrationIssuer.build = die  # type: ignore[method-assign]
    elif sys.argv[2] == "sent":
        services.invoices_import = die
    else:
        services._is_ours = die
    services.issue_advance(int(sys.argv[1]))
