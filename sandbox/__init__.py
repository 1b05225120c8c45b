"""A stand-in Jira that runs on loopback, for trying, testing and measuring."""
