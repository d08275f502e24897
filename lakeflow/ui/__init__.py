"""The lake in a browser: pages made on the server, from what the lake answers. Nothing here decides about a table."""
