"""The browse command: the tables in a web browser, for reading only."""
