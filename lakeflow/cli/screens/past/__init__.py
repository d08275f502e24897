"""What happened to the lake, and what came of it, as screens."""
