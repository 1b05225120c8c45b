"""The browse command: the tables in a web browser, read-only."""
