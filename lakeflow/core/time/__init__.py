"""When: partitions in time, and by when something is to be fresh."""
