"""Values as HTML for notebooks: no script, nothing that is fetched, every text escaped."""
