"""The work of a run: fetch, calculate, maintain. A task is a few lines that call a plain function."""
