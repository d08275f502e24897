"""The same asset on another engine: its text in that one's SQL, and how the rows differ that both give."""
