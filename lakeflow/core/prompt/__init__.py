"""What is typed at a prompt: where a question ends, how a word goes on, and what of it may be remembered."""
