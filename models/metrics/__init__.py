"""The metrics as pure functions over the facts of issues."""
