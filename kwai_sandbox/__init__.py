"""A Kwai Shop emulator for development and tests, written from the wire contract alone."""
