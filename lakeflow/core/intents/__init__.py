"""What a commit was about to do, where catalog and ledger share no transaction."""
