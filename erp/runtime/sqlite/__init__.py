"""Django's SQLite backend without its limit of 999 parameters a statement; see `base`."""
