"""Who keeps the lake's tables: its own database or a server; and whether that is as new as the tables."""
