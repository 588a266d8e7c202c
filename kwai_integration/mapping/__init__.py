"""Pure translation between the platform's JSON and typed values, both ways. No Django, no database."""
