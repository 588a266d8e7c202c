"""What comes from Kwai: poll -> stage (`KwaiOrder`) -> receive (`Order`).

Told in docs/architecture.md, *From Kwai*.
"""
