"""Two states of one table side by side: what their columns and rows have in common, and where they differ."""
