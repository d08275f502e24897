"""Whom to tell what about which assets: decided from records, so that one trouble is told once."""
