"""Tables in an Iceberg REST catalog: requirements in place of a pointer's swap, and an intent before each request."""
