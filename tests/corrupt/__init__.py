"""Corrupted copies of tables, and what checks say of them."""
