"""When the work is done: the beat schedule as data."""
