"""Looking after a warehouse: whose it is, what may go, what can be made again, and a copy of it."""
