"""`flowbeat explain`: the issues behind a number, and those left out."""
