"""Copies of everything a shop would miss, made while it works: the database and the shipping labels in one
archive, `.env` only where somebody asks for it."""
