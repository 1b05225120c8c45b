"""What is measured beside Flowbeat: each script runs in an environment of its own (bench_rivals.py, bench_agile.py)."""
