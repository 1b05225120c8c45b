"""What is done: fetch, calculate, maintain; a task is a few lines that call a plain function."""
