"""The init command: questions on a terminal, proposals from a sample of issues, and a commented flowbeat.toml."""
