"""What is copied out of the lake, and what it may take the place of."""
