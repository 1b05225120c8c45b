"""The flowbeat command with its tables and progress bar."""
