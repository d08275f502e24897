"""Environments as text for a terminal."""
