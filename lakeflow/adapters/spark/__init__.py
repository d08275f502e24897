"""Spark computes the rows of an asset; the lake's own engine writes them (docs/decisions/0220)."""
