"""What SQLite's planner knows of the tables."""

from __future__ import annotations

from django.db import connection

# Entries looked at in each index: enough to tell a few stores from a million orders, and a few milliseconds
# whatever the tables hold.
LOOKED_AT = 1_000


def statistics_refresh() -> None:
    """Count anew how selective each index is. PostgreSQL does it by itself; SQLite without it takes an index
    over the store alone for as good as one over store and order, and reads every push of a store for each
    order of a page."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA analysis_limit = {LOOKED_AT}")
            cursor.execute("ANALYZE")
