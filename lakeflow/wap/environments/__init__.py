"""Environments: the catalog that shows one, and what becomes of it: made, promoted, refreshed, dropped."""
