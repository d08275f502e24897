"""Time: partitions in time, and deadlines of freshness."""
