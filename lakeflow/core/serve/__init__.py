"""What a lake that is served does next: the declared times, and one pure decision."""
