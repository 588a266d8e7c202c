"""A process made to be killed: it moves answers to their table and marks orders for reprocessing, a few at a
time, `python -m tests.kwai_integration.inbound.killed_walk STORE_ID`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import django

    django.setup()
    from kwai_integration.inbound import moving, reprocess

    moving.SLICE = reprocess.SLICE = 3
    reprocess.BUDGET_SECONDS = 0.001
    while moving.answers_to_move() or reprocess.stores_to_reprocess():
        moving.answers_move()
        reprocess.store_reprocess(int(sys.argv[1]))
