"""What continuous integration shows of a command: marks on files, a report of cases, the summary of a step."""
