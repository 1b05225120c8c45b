"""The fetch step of a run: brings the copy of a profile up to date with Jira."""
