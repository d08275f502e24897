"""Values as Markdown for a pull request: GitHub's and GitLab's, every text escaped, of a bounded length."""
