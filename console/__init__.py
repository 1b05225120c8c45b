"""The door for people: the flowbeat command, its tables and its progress bar."""
