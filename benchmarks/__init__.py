"""Measurements behind `docs/benchmarks.md`: each prints a ratio of two things done in one run."""
