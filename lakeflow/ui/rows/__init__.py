"""Rows for pages: a process of its own is asked for them, within bounds of time and memory."""
