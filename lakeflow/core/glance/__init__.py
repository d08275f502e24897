"""What a page shows of a lake at a glance."""
