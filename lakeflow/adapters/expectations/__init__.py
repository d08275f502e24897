"""Great Expectations' vocabulary, compiled to SQL: one scan of the audited snapshot answers most of a suite.

Only `library/` touches the library, and only when a suite file is present: its import costs seconds.
"""
