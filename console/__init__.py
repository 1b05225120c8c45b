"""The flowbeat command, its tables and its progress bar."""
