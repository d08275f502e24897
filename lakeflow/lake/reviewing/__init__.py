"""What a reviewer of a change is shown, gathered from the lake."""
