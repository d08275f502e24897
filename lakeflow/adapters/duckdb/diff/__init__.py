"""Two pinned snapshots side by side, out of core: no row passes through Python but the few that are shown."""
