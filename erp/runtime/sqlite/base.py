"""The embedded default's database backend.

Django 5.2 assumes the 999 parameters of SQLite before 3.32 and cuts larger inserts and updates into
several statements, so that a page of an import would cost more statements the more orders it holds.
"""

from __future__ import annotations

import sqlite3

from django.db.backends.sqlite3 import base, features

# SQLITE_MAX_VARIABLE_NUMBER as SQLite itself sets it since 3.32.
PARAMETERS = 32_766


class DatabaseFeatures(features.DatabaseFeatures):
    if sqlite3.sqlite_version_info >= (3, 32):
        max_query_params = PARAMETERS


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
