"""One library per module; its exceptions, quirks and words do not leave it."""
