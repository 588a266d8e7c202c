"""What comes from Kwai: poll -> stage (`KwaiOrder`) -> receive (`Order`). See design 3.1."""
