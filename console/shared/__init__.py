"""Shared parts of commands: errors, the database, output."""
