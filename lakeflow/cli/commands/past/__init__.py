"""Commands that ask what happened to the lake, and what came of it."""
