"""`flowbeat issue`: the life of one issue, and the numbers that it is part of."""
