"""What a lake says of its environments, and what becomes of them."""
