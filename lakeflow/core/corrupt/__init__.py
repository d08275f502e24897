"""Corrupted copies of a table, one fault each: which there are, and what an asset's checks say of them."""
