"""Whether what stands in a lake is what was audited: its proofs, its files, and the ledger beside them."""
