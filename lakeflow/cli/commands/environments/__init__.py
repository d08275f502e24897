"""The command of environments."""
