"""Checks that a table's own past suggests, as the text of a check file."""
