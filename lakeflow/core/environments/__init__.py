"""Environments: a branch of the whole lake without a copy, which is shown as if its branches were main."""
