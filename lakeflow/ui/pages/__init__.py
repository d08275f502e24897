"""Each page: what it asks of the lake, and what it shows."""
