"""Which engine runs the code of which asset."""
