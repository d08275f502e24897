"""Files that lie in an object store, as DuckDB reads them, and as a write brings them there."""
