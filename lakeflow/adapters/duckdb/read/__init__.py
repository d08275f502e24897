"""Reads a pinned snapshot as SQL, whichever engine wrote its files."""
