"""`flowbeat results`: stored values with their notes."""
