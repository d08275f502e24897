"""Held work: it is not done again, newer attempts take its place, and a person decides about several runs at once."""
