"""Commands that ask for rows: a SELECT, and copies of whole tables."""
