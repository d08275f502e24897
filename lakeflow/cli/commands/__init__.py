"""The commands, grouped by purpose: the project, runs, looks, care."""
