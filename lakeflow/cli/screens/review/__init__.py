"""What a change does, as screens for who reviews it."""
