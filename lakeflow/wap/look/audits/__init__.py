"""What checks say outside of a run: of what stands, of what was audited before, and of corrupted copies."""
