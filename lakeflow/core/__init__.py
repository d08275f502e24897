"""Values and decisions: no file, clock, network or database is touched on this floor."""
