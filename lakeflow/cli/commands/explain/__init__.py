"""Commands that explain what is in tables, and was: each answers one question of an engineer."""
