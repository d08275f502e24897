"""What a reviewer of a change is shown: what it would do to the lake, to its readers, and what its checks say."""
