"""A pinned snapshot as SQL, whoever wrote its files: which are read alike, and around what its deletes hide."""
