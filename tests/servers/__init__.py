"""Servers on loopback that a lake can be kept in: PostgreSQL, S3, REST catalogs; and what goes wrong between."""
