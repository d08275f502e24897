"""Checks that a table's own past suggests."""
