"""Lakes under the orchestrators that people have. Each is imported only by whoever has it: by its own name, below."""
