"""What reads the stand-in Jira beside Flowbeat: each script runs in an environment of its own (bench_rivals.py)."""
