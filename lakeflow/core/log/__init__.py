"""The lake's log: when readers came to see what, and why, as the tables themselves tell it."""
