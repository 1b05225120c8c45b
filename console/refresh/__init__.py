"""`flowbeat refresh` and `calculate`: request runs, wait for them, show progress."""
