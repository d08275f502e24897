"""What of a lake is kept, whose it is, and what may go."""
