"""A stand-in Jira on loopback, for trials, tests and benchmarks."""
