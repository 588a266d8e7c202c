"""A process that takes up a work of the test's kind and dies by SIGKILL inside the transaction of its 17th row,
`python -m tests.erp.work.killed_worker WORK_ID`."""

from __future__ import annotations

import os
import signal
import sys

if __name__ == "__main__":
    import django

    django.setup()
    from erp.work import kinds
    from erp.work.models import Work, WorkRow
    from erp.work.running import work_run
    from tests.erp.work.conftest import Counting, counting_kind

    def die(work: Work, row: WorkRow) -> None:
        if row.position == 16:
            os.kill(os.getpid(), signal.SIGKILL)

    kinds.register(counting_kind(Counting(on_row=die)))
    work_run(work_id=int(sys.argv[1]), seconds=60)
