"""The only SQL: every function takes a session and does one thing; the caller commits."""
