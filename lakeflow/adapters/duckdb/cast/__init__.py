"""Casts that lose nothing."""
