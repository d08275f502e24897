"""What to keep of a lake, who owns its warehouse, and what may be removed."""
