"""TPC-H from bronze to gold: lakeflow against the same work by hand."""
